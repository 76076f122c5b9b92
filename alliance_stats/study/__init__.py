"""Reading, mapping, validating and holding a study."""
