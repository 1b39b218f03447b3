"""Provenance reports: facts are gathered once, and each format is a pure function of them."""
