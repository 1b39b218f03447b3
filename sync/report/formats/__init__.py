"""The formats of reports, one module each: facts in, bytes out."""
