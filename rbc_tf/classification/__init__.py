"""One head per cell type, and the verdict on abnormality."""
