"""The signatures of upstream's tags and commits, and who made them."""
