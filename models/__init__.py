"""Physics, priors, likelihood blocks and the joint probabilistic model."""
