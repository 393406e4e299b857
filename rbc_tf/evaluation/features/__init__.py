"""Which features, and which settings of the heads, serve best."""
