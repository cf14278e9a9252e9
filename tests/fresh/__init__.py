"""The README's first command on a Debian that has nothing yet."""
