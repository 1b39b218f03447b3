"""Speed and memory of whole processes, compared with peers side by side.

Nothing here ever fails because of time.
"""
