"""The nested mixed-model engine, from formula to result."""
