"""From a model to draws: compiled densities, chains, predictions, and the statistics of draws."""
