"""The paper's figures 1 to 8, for print: one module per figure, drawn from plain values."""
