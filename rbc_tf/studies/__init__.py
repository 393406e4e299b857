"""The paper's evaluation: runs, compares, tabulates."""
