"""Kill, interrupt or fail the program at every modifying system call: `python -m tests.harnesses.crashes`.

A case is JOB:CALL[@SCOPE]:K:KIND: in a run of the job, the K-th call of that name is where it is hit. strace counts
calls by thread, so a scope says whose: none is the program's first thread, `fetch` any other of its threads (strace
-f; whoever else has a K-th call later is hit too, another thread or a git), `gitN` the N-th git that it starts, with
what that starts. Not reached are calls of a fetching thread that have their number from the first thread. Imports are
done before, and not hit: they modify nothing.

KIND is KILL, INT, TERM, an error, or SHORT: files that cannot grow beyond K bytes, so the kernel itself writes less
than asked. strace could only forge the count (`retval=`): the rest of the file would be missing on a disk that lies.
A job that ends in -overlay has all of its host in the lower layer of an overlay, where directories cannot be renamed.

Afterwards the tree and the index are the old ones or the new ones, or `verify` says that a run was interrupted; what
the user had is there; and one more run of the job leaves exactly the new state. Who is interrupted says so, exits 130
and leaves nothing behind. Three things are allowed: locks of a git that was itself killed are deleted as git's words
tell, a `remove` that was finished already says that there is no such mirror, and an error that hits stdout or stderr
need not be said.
"""
