"""Analysis on Apache Beam: the same results from many workers, on this machine or a fleet."""
