"""How things are said, once: numbers and plain data."""
