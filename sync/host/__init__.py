"""What lies in the host: its directories, files and states."""
