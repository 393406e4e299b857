"""How much a bundle suffers where images are altered: size, light, colour, focus, compression."""
