"""One module per stage: `measure(settings)` returns its measurements."""
