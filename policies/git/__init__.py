"""What policies ask git of index, commits and refs."""
