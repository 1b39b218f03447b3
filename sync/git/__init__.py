"""All of git: every libgit2 call and every process that the program starts is in this package, and nowhere else.

Plain types come out, absent is None, and each failure names what was attempted.
"""
