"""The paper's Table 1: Models A, A* and B, cross-validated."""
