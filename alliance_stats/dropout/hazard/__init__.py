"""What speaks for leaving: hazards by session."""
