"""Works out what a mirror has to hold."""
