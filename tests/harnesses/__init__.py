"""What tries, measures and attacks the program as a whole; each runs by `python -m` or make."""
