"""Find known vulnerabilities of the packages in images, with scanners of others and Debian's own data."""
