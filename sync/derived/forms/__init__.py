"""The recipes of derived forms, one module each."""
