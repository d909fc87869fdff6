"""The one base of what Trueup raises on purpose: how it is told over HTTP, and how a command ends with it."""

from enum import IntEnum
from typing import ClassVar, Literal, Self

ErrorCode = Literal[
    "invalid_request", "not_found", "gone", "duplicate", "unauthenticated", "forbidden", "rate_limited", "unavailable"
]


class ExitCode(IntEnum):
    """Every way in which `trueup` ends, and what it means."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """A member that is its number and has its meaning beside it."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "all is well: rows are created or were there already, sums agree, checks pass"
    DIFFERENCES = 1, "reconcile found differences, doctor a failed check, or migrate --check a missing migration"
    USAGE = 2, "wrong argument, setting or data folder, unknown id, missing extra, refused change, newer database"
    ROWS_FAILED = 3, "some rows failed; the others went through"
    UNREADABLE = 4, "an input file cannot be read: nothing of it was used"
    UNAVAILABLE = 7, "nothing runs here, or a service does not answer"
    UNAUTHORISED = 8, "the token is missing, wrong, expired or revoked, or lacks the scope"
    DEFECT = 70, "a defect in trueup itself: please report it with what --debug shows"
    INTERRUPTED = 130, "interrupted; what was sent goes on"
    PIPE_CLOSED = 141, "whoever read the output went away"


class TrueupError(Exception):
    """Trueup refuses what it was asked, or cannot do it now; the message says why and what to do.

    What is raised and caught within one package, to leave a loop or a transaction, is a plain `Exception`.

    Attributes:
        code: its code in an answer over HTTP, which gives the status.
        retryable: whether the same call, unchanged, may succeed later.
        exit_code: what a command ends with.
    """

    code: ClassVar[ErrorCode] = "invalid_request"
    retryable: ClassVar[bool] = False
    exit_code: ExitCode = ExitCode.USAGE


class NotFound(TrueupError):
    """The account has nothing of this id or name."""

    code: ClassVar[ErrorCode] = "not_found"


class Refused(TrueupError):
    """Things as they are do not allow it."""


class Unavailable(TrueupError):
    """A service that it takes does not answer now."""

    code: ClassVar[ErrorCode] = "unavailable"
    retryable = True
    exit_code = ExitCode.UNAVAILABLE
