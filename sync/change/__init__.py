"""The commands that write: look, plan, stage, replace, in this order."""
