"""Jobs, sampling, diagnosis, prediction, maps, figures and the command line."""
