"""Whether intervals hold the truth as often as they say: fits of simulated campaigns."""
