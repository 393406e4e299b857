"""Patches, the networks that make features of them, and the cache of features."""
