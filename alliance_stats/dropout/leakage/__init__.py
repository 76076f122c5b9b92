"""What a predictor knows of the end before it came."""
