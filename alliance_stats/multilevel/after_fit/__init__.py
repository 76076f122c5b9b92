"""What a fitted model can be asked; each question is a module."""
