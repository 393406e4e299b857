"""What TensorBoard shows: one module per kind, written from plain values."""
