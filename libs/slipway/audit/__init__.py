"""List the packages that an image holds and their known vulnerabilities; store documents about it in the registry."""
