"""How good a bundle is on images that none of its parts has seen."""
