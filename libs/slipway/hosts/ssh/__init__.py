"""Connect to a build host with paramiko, configured by the output of ``ssh -G``."""
