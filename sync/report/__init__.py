"""Provenance reports: one module a format; facts in, bytes out; pure."""
