"""Build on a host over SSH: probe it, send the files that images read, run jobs that outlive this process."""
