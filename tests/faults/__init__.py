"""The faults, and the tests that show slipway's answer to each."""
