"""Ruptures and repairs: rules, episodes, chance, agreement, models."""
