"""The only package that calls libgit2 and that runs git or other programs.

It gives plain types, None for what is absent, and errors that name what was attempted.
"""
