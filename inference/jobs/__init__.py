"""Jobs: what is fitted, how it is read, and what is noted of it. The shipped ones lie beside."""
