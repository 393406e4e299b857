"""Detection of regions."""
