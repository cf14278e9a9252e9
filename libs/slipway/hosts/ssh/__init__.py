"""The build host over one paramiko connection, fed from what ``ssh -G`` says."""
