"""Multilevel models of yes/no, counts and ordered answers."""
