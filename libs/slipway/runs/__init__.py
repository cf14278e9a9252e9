"""Keep a run's directory, records, logs, locks and secret files."""
