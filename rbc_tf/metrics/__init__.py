"""Arrays in, scores out: the only place where a score is computed."""
