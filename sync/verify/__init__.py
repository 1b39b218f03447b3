"""The commands that only look."""
