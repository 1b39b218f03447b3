"""The words of git, curl and ssh, by which a failed transfer is told from another.

They are taken from the sources. Each pattern fits messages that have one meaning.
"""

import re

FATAL = "fatal: "
CHANGED = "has changed and you have requested strict checking"
REFUSAL = "fatal: remote error: "
UNREAD = "Could not read from remote repository"
FIRST = (FATAL, "error: RPC failed")
REFUSED_ID = "Server does not allow request for unadvertised object"
INCOMPLETE = re.compile(
    r"aborting due to possible repository corruption|"
    r"could not fetch [0-9a-f]{40} from promisor remote"
)
LACKED = re.compile(r"(?:could not fetch|unable to read|not our ref) (?!0{40})([0-9a-f]{40})")
# git names a file of the repository that it works in like this, and one of the cache by its full
# path.
FILE_THERE = re.compile(r"[ (]\./")
NOT_OURS = re.compile(r"fatal: (?:remote error: .*|git upload-pack: )not our ref")

NO_REPOSITORY = re.compile(
    r"repository '.*' not found|not valid: is this a git repository|"
    r"does not appear to be a git repository|error: 410|"
    r"no such file or directory: '|not a git repository|invalid gitfile format|"
    r"^error: .*\bnot (?:be )?found",
    re.IGNORECASE | re.MULTILINE,
)
REDIRECTED = re.compile(
    r"error: 30[12378]|unable to update url base from redirection", re.IGNORECASE
)
AUTHENTICATION = re.compile(
    r"could not read (?:username|password)|authentication failed|error: 401|permission denied \(|"
    r"told us to quit",
    re.IGNORECASE,
)
UNVERIFIED = re.compile(
    r"host key verification failed|certificate|ssl (?:peer|routines)|tls handshake", re.IGNORECASE
)
NO_AUTHORITIES = re.compile(
    r"error setting certificate|error reading ca cert|cacert|problem with the ssl ca", re.IGNORECASE
)
MEMORY = re.compile(
    r"out of memory|malloc failed|mmap failed: cannot allocate|cannot allocate memory",
    re.IGNORECASE,
)
LARGE = re.compile(
    r"file too large|pack exceeds maximum|died of signal 25|signal: 25", re.IGNORECASE
)
FULL = re.compile(r"no space left|disk quota|read-only file system", re.IGNORECASE)
SHA256 = re.compile(r"mismatched algorithms|object format", re.IGNORECASE)
FORMAT = re.compile(
    rf"{SHA256.pattern}|unknown repository extension|expected git repo version", re.IGNORECASE
)
ASKING = re.compile(
    r"(?:could not read (?:Username|Password) for|Authentication failed for) '(https?://[^/']*)"
)
OWNER = re.compile(r"dubious ownership|unsafe repository", re.IGNORECASE)
DUMB = re.compile(r"dumb http transport", re.IGNORECASE)
DAMAGED = re.compile(
    r"bad config|loose object|packfile .* (?:cannot|is|does)|index file|is corrupt|"
    r"not a git repository: '|"
    r"unable to resolve reference|object file .* is empty|bad object|missing .* object|"
    r"invalid object|shallow file|"
    r"did not send all necessary|bogus commit object|nonexistent object",
    re.IGNORECASE,
)
PASSING = re.compile(
    r"error: (?:429|5\d\d)|could not resolve|couldn't resolve|failed to connect|couldn't connect|"
    r"unable to connect|timed out|"
    r"timeout|too slow|recv failure|send failure|empty reply|reset by peer|broken pipe|early eof|"
    r"hung up|rpc failed|"
    r"unexpected disconnect|"
    r"connection (?:closed|refused|reset)|transfer closed|partial file|kex_exchange|"
    r"network is unreachable|no route to host|"
    r"http/2 stream|unexpected end|end of file|invalid index-pack output|pack has bad object|"
    r"bad pack|inflate|proxyconnect|"
    r"unable to look up|premature end|sha1 mismatch|is truncated|serious inflate",
    re.IGNORECASE,
)
