"""The rating gap, therapist minus client."""
