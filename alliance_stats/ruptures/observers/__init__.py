"""Ruptures as observers code and as both sides report them."""
