"""The rating gap, always therapist minus client."""

from .description import RatingGap, rating_gap

__all__ = ["RatingGap", "rating_gap"]
