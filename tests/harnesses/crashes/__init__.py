"""Kill, interrupt or fail the program at every modifying system call.

Run it as `python -m tests.harnesses.crashes`.

A case is JOB:CALL[@SCOPE]:K:KIND: a run of the job is hit at the K-th call of that name. strace
counts calls by thread, so a scope says whose calls they are. Without a scope they are those of the
program's first thread. `fetch` means any other of its threads (strace -f; a thread or a git that
has a K-th call later is hit too). `gitN` means the N-th git that it starts, with what that git
starts. A fetching thread's call whose number the first thread has is not reached. Imports are done
before and not hit: they modify nothing.

KIND is KILL, INT, TERM, an error, or SHORT. SHORT means that files cannot grow beyond K bytes, so
that the kernel itself writes less than asked. strace could only forge the count (`retval=`): the
rest of the file would be missing, as on a disk that lies. A job that ends in -overlay has all of
its host in the lower layer of an overlay, where directories cannot be renamed.

Afterwards the tree and the index are the old ones or the new ones, or `verify` says that a run was
interrupted. What the user had is there, and one more run of the job leaves exactly the new state. A
run that is interrupted says so, exits 130 and leaves nothing behind. Three things are allowed:
locks of a git that was itself killed are deleted as git's words tell; a `remove` that had finished
says that there is no such mirror; and an error that hits stdout or stderr need not be said.
"""
