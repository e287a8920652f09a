"""A fit and its folder: sampling until the gate passes, what is kept, and what is said of it."""
