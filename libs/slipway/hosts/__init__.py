"""Run the work on a host: this machine, or a build host over SSH."""
