"""Composed smears: whole fields made of the real single cells of a dataset."""
