"""Git's objects as bytes, and the names that they may hold."""
