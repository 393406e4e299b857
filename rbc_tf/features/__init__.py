"""Patches, ResNet-50 features and their cache."""
