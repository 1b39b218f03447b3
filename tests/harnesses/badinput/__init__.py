"""Bad input of every kind against every sink that it could reach: `python -m tests.harnesses.badinput`.

A case is a name, what is wrong (real git objects, a manifest, a record, something planted, a state of the host), and
what has to come of it: `accepted`, or the exact reference and exit status of the refusal. Judged are the files, the
index, what a terminal would get, what a JSON reader would get, and the time; `sinks` says what of them.
"""
