"""Asking upstreams, through the cache."""
