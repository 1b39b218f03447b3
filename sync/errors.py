"""The errors of the program; each has an exit status, a context and a hint."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses of the program.

    A crash never ends with FINDINGS, and a question that could not be checked never with CLEAN.
    """

    CLEAN = 0
    FINDINGS = 1
    TROUBLE = 2
    COULD_NOT_CHECK = 3
    INTERRUPTED = 130


class VerbatimError(Exception):
    """An error that a user can cause or has to know about.

    `message` is in lower case and has no full stop. The lines of `context` say where and why the
    error happened. `hint` is the next command, or what to change. Text that comes from outside may
    hold any characters: rendering escapes them.
    """

    exit_status = ExitStatus.TROUBLE

    def __init__(
        self,
        message: str,
        context: list[str] | None = None,
        hint: str | None = None,
        reference: str = "trouble",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.context = context or []
        self.hint = hint
        self.reference = reference

    def __str__(self) -> str:
        return self.message


class UsageError(VerbatimError):
    """The command line asks for something impossible."""


class ManifestError(VerbatimError):
    """`third_party/mirrors.toml` cannot be used as it is."""


class RecordError(VerbatimError):
    """A file below `third_party/provenance/` cannot be used as it is."""


class HostError(VerbatimError):
    """The host repository or its file system does not allow what was asked."""


class LocalChangesError(VerbatimError):
    """The command would overwrite something that is not the upstream's."""


class SelectionError(VerbatimError):
    """What the manifest selects is not in the upstream tree, or cannot be copied exactly."""


class MissingDirectoryError(SelectionError):
    """The directory that `from` names is not in upstream's commit."""


class MovedTagError(VerbatimError):
    """A recorded tag now names another commit."""


class SignatureError(VerbatimError):
    """The manifest requires a good signature, and upstream's tag or commit has none."""


class CouldNotCheckError(VerbatimError):
    """The upstream, the network or a missing object kept the question from being answered."""

    exit_status = ExitStatus.COULD_NOT_CHECK


class TransientError(CouldNotCheckError):
    """The network failed in a way that may be gone a second later."""


class MissingRefError(CouldNotCheckError):
    """The upstream has no ref of the name that was asked for."""


class RefusedIdError(CouldNotCheckError):
    """The upstream's server does not serve objects by their ids."""


class NotGivenError(CouldNotCheckError):
    """The upstream does not have, or does not give, an object that was asked for by its id."""


class IncompleteUpstreamError(CouldNotCheckError):
    """The upstream lacks objects that its own refs reach."""


class TooMuchError(CouldNotCheckError):
    """The upstream sends more than a fetch may take of memory, of disk or of messages."""


class RedirectedError(CouldNotCheckError):
    """The upstream redirects to another host, where settings for this host must not apply."""


class DamagedCacheError(CouldNotCheckError):
    """The cache does not hold what was once fetched; it is made anew."""


class BlockedCacheError(HostError):
    """What lies at the path of a cache is not a cache; it is replaced by a new one."""


class UnfitCacheError(CouldNotCheckError):
    """The cache was filled in a way that the upstream's server does not support.

    It is made anew, and filled in another way.
    """


class MissingObjectError(CouldNotCheckError):
    """A repository lacks an object, or cannot give it."""


class UnreadableObjectError(HostError):
    """git itself cannot read an object."""


class NewerRecordError(RecordError):
    """The record has a schema that this version does not know."""


class InterruptedByUser(BaseException):
    """The user ended the program, with Ctrl-C or SIGTERM for example.

    It is not an `Exception`, so that no `except Exception` swallows it.
    """
