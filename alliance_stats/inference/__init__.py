"""Inference that several rooms share: tail areas, intervals, and rows of ``tidy()``."""
