"""What was written down of a mirror, and proves itself."""
