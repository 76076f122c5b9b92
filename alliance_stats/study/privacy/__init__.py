"""Who could be recognised, and how a study is given away safely."""
