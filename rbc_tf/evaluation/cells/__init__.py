"""Whether labelled cells lie in detected regions, where boxes of cells are all that is known."""
