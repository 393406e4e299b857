"""One head per cell type, and one model of abnormality."""
