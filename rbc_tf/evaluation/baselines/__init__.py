"""Watershed, U-Net and a single-label network beside the chain."""
