"""Show results on a terminal, as plain lines, or as JSON."""
