"""End scores that dropouts never gave."""
