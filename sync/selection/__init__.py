"""What a mirror must hold."""
