"""Git's objects as bytes."""
