"""Public datasets as dataset folders."""
