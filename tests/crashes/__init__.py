"""Kill the program, or fail it, at every modifying system call: `python -m tests.crashes`.

A case is JOB:CALL[@SCOPE]:K:KIND: in a run of the job, the K-th call of that name is where it is hit. strace counts
calls by thread, so a scope says whose: none is the program's first thread, `fetch` any other of its threads (strace
-f; where two threads have a K-th call, both are failed), `gitN` the N-th git that it starts, with what that starts.
Not reached are calls of a fetching thread that have their number from an earlier thread; most are openat, of which
the imports make hundreds.

KIND is KILL, an error, or SHORT: files that cannot grow beyond K bytes, so the kernel itself writes less than asked.
strace could only forge the count (`retval=`): the rest of the file would be missing on a disk that lies.

Afterwards the tree and the index are the old ones or the new ones, or `verify` says that a run was interrupted; what
the user had is there; and one more run of the job leaves exactly the new state. Three things are allowed: locks of a git that was itself hit are deleted as
git's words tell, a `remove`
that was finished already says that there is no such mirror, and an error that hits stdout or stderr need not be said.
"""
