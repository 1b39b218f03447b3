"""The limits of what is read: more than any real repository has, and cheap to process.

Everything that reads what others wrote checks its limit before it works. The limits that the owner
of a host can raise are in the manifest's `Budget`.
"""

MANIFEST_BYTES = 512 << 10
DOTS = 1000
"""The dots in one line of the manifest."""
DOTS_SQUARED = 16_000_000
"""The sum, over all lines of the manifest, of the squared number of dots."""
RECORD_BYTES = 32 << 20
"""The size of a record of 100,000 files with paths of 100 bytes."""
RECORDS = 10_000
"""The records in one host."""
RECORDS_KEPT_BYTES = 64 << 20
"""The size of all records that are kept parsed while many commits are judged."""
RECORD_BLOCKS = 200_000
"""The files and tree objects in one record."""
RECORD_REST_BYTES = 1 << 20
RECORD_REST_VALUES = 20_000
"""The values in a record besides its files and objects, whose size is limited too."""
OWN_FILE_BYTES = 1 << 20
"""The size of a file that is read whole, and that is short if people wrote it.

Such are attribute files, ignore files, a journal and a commit message.
"""
LARGEST_READ = 64 << 20
"""The size of any file that is read whole, where no smaller limit is given."""
LICENSE_TEXTS_BYTES = 16 << 20
"""The size of all licence texts of one mirror that a report quotes."""
EXPLAINED_BYTES = 1 << 20
"""The size of a file that is read only to say how it differs."""
UNEXPECTED_BYTES = 32 << 20
"""The size of a file on disk that is read although its record has another size, or no such file.

A larger file is not read: it differs, whatever it holds.
"""

PATH_BYTES = 4096
DEPTH = 200
"""The directories that lie one inside the other."""
TREE_BYTES = 16 << 20
"""The size of one tree object, which is enough for some 500,000 entries."""
MORE_THAN_RECORDED = 10_000
"""The files of a mirror that its record does not have."""
ENTRIES = 500_000
"""The entries of one tree object, and of everything below one directory."""
PATHS_BYTES = 64 << 20
"""The total length of the paths of everything below one directory."""
DIRECTORIES_BYTES = 32 << 20
"""The total length of the paths of the directories that hold files, plus 64 bytes for each."""
COMMIT_BYTES = 4 << 20
"""The size of a commit or a tag that is judged.

An upstream's may have a quarter of it, since it goes into a record.
"""

PATTERNS = 1000
PATTERN_BYTES = 4096
PATTERNS_BYTES = 64 << 10
"""The total length of all patterns of one mirror."""
PATTERN_STEPS = 4_000_000
"""Patterns times entries, weighted by the cost of a pattern and a path: a step takes 1 µs."""

COMPARED_LETTERS = 5_000_000
"""Letters times letters that are compared to find the word that was meant."""
