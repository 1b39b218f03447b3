"""The manifest: which mirrors people want."""
