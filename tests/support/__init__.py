"""What many tests need: upstreams, hosts, servers, terminals, and the program run in them."""
