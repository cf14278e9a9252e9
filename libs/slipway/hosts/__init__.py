"""Define where work runs: this machine, or a build host over SSH."""
