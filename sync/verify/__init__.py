"""The commands that only look: they verify mirrors and change nothing."""
