"""Networks as frozen graphs: folded, in half precision, kept on disk."""
