"""The bundle of trained parts and the analysis of images with it."""
