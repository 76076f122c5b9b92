"""Dropout: definitions, incidence, hazard, prediction."""
