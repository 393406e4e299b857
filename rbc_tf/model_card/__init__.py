"""The model card: what a bundle is, for people, from its manifest alone."""
