"""Take documents in once, keep them under the hash of their bytes, and try to deliver them until they arrive."""
