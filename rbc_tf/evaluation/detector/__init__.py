"""How good a detector is on images that it has not seen."""
