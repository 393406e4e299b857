"""The networks that make features of patches."""
