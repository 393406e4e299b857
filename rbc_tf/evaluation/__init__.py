"""Scores from arrays: nothing here knows a model."""
