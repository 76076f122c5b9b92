"""All stated specifications of an analysis at once."""
