"""The policy: rules over states of third_party/ that refuse commits in hooks, CI and servers."""
