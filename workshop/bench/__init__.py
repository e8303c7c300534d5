"""`python -m workshop bench`: the extension, what scales, and what servers take."""
