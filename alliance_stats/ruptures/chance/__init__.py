"""How many ruptures chance alone would give."""
