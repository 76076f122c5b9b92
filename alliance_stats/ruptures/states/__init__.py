"""The state model: a hidden rupture that opens and closes, with a probability a session."""
