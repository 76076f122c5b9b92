"""Response surfaces: level, gap and congruence of two ratings."""
