"""What a rule finds where the truth is known."""
