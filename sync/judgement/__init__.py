"""Judges whether a state of third_party/ is as its records say, and how mirrors stand."""
