"""Datasets: folders, regions, splits, importers, synthetic smears, TFRecords."""
