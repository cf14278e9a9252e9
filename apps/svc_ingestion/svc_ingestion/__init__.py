"""Documents taken in once, kept under the hash of their bytes, and handed on until they arrive."""
