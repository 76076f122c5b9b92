"""Models of dyads: actor and partner, one with many, who leads."""
