"""What the chain is compared with: separating cells, and one label per cell."""
