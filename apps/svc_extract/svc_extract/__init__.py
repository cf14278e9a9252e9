"""Find amounts, dates and identifiers in text, each with its span."""
