"""The paper's figures 1 to 8 for a dataset and a run."""
