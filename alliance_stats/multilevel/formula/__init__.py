"""From the text of a formula to the columns of a model."""
