"""One module a table that raw curves make rows of, each defining ``RECIPE``: nothing lists them."""
