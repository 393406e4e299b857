"""How fast each stage is beside what one would otherwise do, and how its cost grows."""
