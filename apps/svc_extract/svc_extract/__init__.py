"""Amounts, dates and identifiers found in text, each with the span it was read from."""
