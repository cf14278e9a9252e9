"""Keep a run's directory: its records, logs, locks and secret files."""
