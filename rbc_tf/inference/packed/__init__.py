"""Bundles in one small file, with weights of 8 bits."""
