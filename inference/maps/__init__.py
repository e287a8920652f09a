"""Safe currents: mechanisms and noise, maps over designs, and questions of one number."""
