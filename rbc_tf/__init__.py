"""Multi-label detection and classification of red blood cells in blood-smear images."""

__version__ = "0.1.0"
