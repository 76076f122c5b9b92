"""Cards of instruments, their registry, and scoring."""
