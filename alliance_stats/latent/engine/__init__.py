"""Covariance structure models: their form, likelihood, maximum and fit."""
