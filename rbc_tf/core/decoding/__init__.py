"""How the files of each format are decoded: strictly, or not at all."""
