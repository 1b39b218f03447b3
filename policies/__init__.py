"""Which commits are refused: rules over states of third_party/, in hooks, in CI and on a server."""
