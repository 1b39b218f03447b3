"""Speed and memory of whole processes, compared with peers side by side; nothing here ever fails because of time."""
