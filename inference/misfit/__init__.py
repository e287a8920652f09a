"""Where data and model disagree: predictions, scatters, trends, batches, two kinds of cells."""
