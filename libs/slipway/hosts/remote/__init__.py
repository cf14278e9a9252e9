"""A build host over SSH: looked at, sent what images read, built on by jobs that outlive their client."""
