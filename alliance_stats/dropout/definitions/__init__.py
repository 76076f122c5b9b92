"""Who dropped out, by each of the field's definitions."""
