"""Fill forms from the findings in documents: each value with its source, and each doubt reported."""
