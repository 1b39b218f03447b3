"""The commands that write: look, plan, refuse or carry out: stage, replace, commit."""
