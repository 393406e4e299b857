"""The networks that make features of patches: a module each, and nothing else here."""
