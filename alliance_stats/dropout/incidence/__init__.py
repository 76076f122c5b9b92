"""When therapy ends: cumulative incidence of competing ends."""
