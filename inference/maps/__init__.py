"""Safe currents: maps over designs, questions of one number, and where the data do not reach."""
