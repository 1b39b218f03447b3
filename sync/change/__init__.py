"""The commands that write to a host: they look, plan, refuse or stage, replace and commit."""
