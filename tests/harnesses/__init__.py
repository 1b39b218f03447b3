"""Harnesses that try, measure and attack the program as a whole; each runs by `python -m` or make."""
