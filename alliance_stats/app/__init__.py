"""The page on this machine: drop files, see what was understood, correct it, get the report."""
