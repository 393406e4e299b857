"""What a bundle records of itself: typed records, and the only place that reads and writes them."""
