"""The questions of policies to git about index, commits and refs."""
