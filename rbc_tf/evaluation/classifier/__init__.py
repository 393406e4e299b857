"""How good a classifier is on features of images that it has not seen."""
