"""What can go wrong, as values: every error names its exit status, where it happened and the next command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the program's exit status says; a crash is never FINDINGS, "could not check" never CLEAN."""

    CLEAN = 0
    FINDINGS = 1
    TROUBLE = 2
    COULD_NOT_CHECK = 3
    INTERRUPTED = 130


class VerbatimError(Exception):
    """An error that a user can cause or has to know of.

    `message` is lower case without a full stop, `context` are lines that say where and why, `hint` is the
    next command or what to change. Text that comes from outside may hold anything: rendering escapes it.
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
    """The command line asks for something that cannot be."""


class ManifestError(VerbatimError):
    """`third_party/mirrors.toml` cannot be used as it is."""


class RecordError(VerbatimError):
    """A file below `third_party/provenance/` cannot be used as it is."""


class HostError(VerbatimError):
    """The host repository or its file system does not allow what was asked."""


class LocalChangesError(VerbatimError):
    """Something would be overwritten that is not upstream's."""


class SelectionError(VerbatimError):
    """What the manifest selects is not in the upstream tree, or cannot be copied exactly."""


class MovedTagError(VerbatimError):
    """A recorded tag now names another commit."""


class SignatureError(VerbatimError):
    """The manifest requires a good signature, and upstream's tag or commit has none."""


class CouldNotCheckError(VerbatimError):
    """The upstream, the network or a missing object kept the question from being answered."""

    exit_status = ExitStatus.COULD_NOT_CHECK


class TransientError(CouldNotCheckError):
    """A failure of the network that may be gone a second later."""


class MissingRefError(CouldNotCheckError):
    """The upstream has no ref of a name that was asked for."""


class RefusedIdError(CouldNotCheckError):
    """The upstream's server gives nothing by its id."""


class NotGivenError(CouldNotCheckError):
    """The upstream does not have, or does not give, an object that was asked for by its id."""


class IncompleteUpstreamError(CouldNotCheckError):
    """The upstream does not have all that its own refs lead to."""


class TooMuchError(CouldNotCheckError):
    """The upstream sends more than a fetch may take of memory, disk or words."""


class RedirectedError(CouldNotCheckError):
    """The upstream leads to another host, where what holds for this one must not hold."""


class DamagedCacheError(CouldNotCheckError):
    """What is in a cache is not what was once fetched; it is made anew."""


class BlockedCacheError(HostError):
    """What lies in the place of a cache is none; it is made anew."""


class UnfitCacheError(CouldNotCheckError):
    """A cache was filled in a way that the upstream's server does not support; it is made anew in another."""


class MissingObjectError(CouldNotCheckError):
    """A repository lacks an object, or cannot give it."""


class UnreadableObjectError(HostError):
    """git itself cannot read an object."""


class NewerRecordError(RecordError):
    """A record of a schema that this version does not know."""


class InterruptedByUser(BaseException):
    """Ctrl-C or SIGTERM; no `except Exception` swallows it."""
