"""What stands for missing text, where a graph or an array can hold text only."""

MISSING_TEXT = "\uffff"  # not a character, so no text holds it
