"""The likelihood of a nested mixed model, and its maximum."""
