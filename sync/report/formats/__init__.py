"""One module a format: facts in, bytes out."""
