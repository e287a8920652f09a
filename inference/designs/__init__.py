"""What is asked of a fit: designs of cells, the axes of maps, and how both are read."""
