"""Every question that is asked of the chain and of its parts, a folder each."""
