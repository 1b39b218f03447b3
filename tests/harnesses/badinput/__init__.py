"""Bad input of every kind against every sink that it could reach.

Run it as `python -m tests.harnesses.badinput`.

A case is a name, what is wrong (real git objects, a manifest, a record, something planted, a state
of the host), and the outcome: `accepted`, or the exact reference and exit status of the refusal.
The harness judges the files, the index, what a terminal would get, what a JSON reader would get,
and the time; `sinks` says what has to be true of each.
"""
