"""How much a reader takes in before it refuses: more than any real repository has, less than any input may cost.

Asked before the work, by everything that reads what others wrote; what the owner may raise is the manifest's `Budget`.
"""

MANIFEST_BYTES = 512 << 10
DOTS = 1000
"""In one line of the manifest."""
DOTS_SQUARED = 16_000_000
"""Of all its lines."""
RECORD_BYTES = 32 << 20
"""Of 100,000 files with paths of 100 bytes."""
RECORDS = 10_000
"""In one host."""
RECORDS_KEPT_BYTES = 64 << 20
"""Of all records that are kept parsed while many commits are judged."""
RECORD_BLOCKS = 200_000
"""Files and tree objects in a record."""
RECORD_REST_BYTES = 1 << 20
RECORD_REST_VALUES = 20_000
"""Of what a record says beside files and objects."""
OWN_FILE_BYTES = 1 << 20
"""Of attributes, ignore rules, a journal, a commit message: what is read whole, and is short wherever people write it."""
LARGEST_READ = 64 << 20
"""Of any file that is read whole, where nothing smaller is said."""
LICENSE_TEXTS_BYTES = 16 << 20
"""Of all licence texts of one mirror that a report quotes."""
EXPLAINED_BYTES = 1 << 20
"""Of a file that is read only to say how it differs."""
UNEXPECTED_BYTES = 32 << 20
"""Of a file on disk that no record has with this size: it differs, whatever it holds, and is not read."""

PATH_BYTES = 4096
DEPTH = 200
"""Of directories, one inside the other."""
TREE_BYTES = 16 << 20
"""Of one tree object: some 500,000 entries."""
MORE_THAN_RECORDED = 10_000
"""Files of a mirror that its record does not have."""
ENTRIES = 500_000
"""Of one tree object, and of everything below one directory."""
PATHS_BYTES = 64 << 20
"""Of the paths of everything below one directory."""
DIRECTORIES_BYTES = 32 << 20
"""Of the paths of all directories that files make up, each with 64 bytes for itself."""
COMMIT_BYTES = 4 << 20
"""Of a commit or a tag that is judged; upstream's may have a quarter of it, since they go into records."""

PATTERNS = 1000
PATTERN_BYTES = 4096
PATTERNS_BYTES = 64 << 10
"""Of all patterns of one mirror."""
PATTERN_STEPS = 4_000_000
"""Patterns times entries, weighed by what a pattern and a path may cost: a microsecond each."""

COMPARED_LETTERS = 5_000_000
"""Letters times letters, in looking for the word that was meant."""
