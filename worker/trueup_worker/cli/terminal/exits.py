"""How the command ends: exit codes, and which error means which."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Self


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
    USAGE = (
        2,
        "usage: an argument, a setting or the data folder is wrong, an id is unknown, a change is refused",
    )
    ROWS_FAILED = 3, "some rows failed; the others went through"
    UNREADABLE = 4, "an input file cannot be read: nothing of it was used"
    UNAVAILABLE = 7, "nothing runs here, or a service does not answer"
    UNAUTHORISED = 8, "the token is missing, wrong, expired or revoked, or lacks the scope"
    DEFECT = 70, "a defect in trueup itself: please report it with what --debug shows"
    INTERRUPTED = 130, "interrupted; what was sent goes on"
    PIPE_CLOSED = 141, "whoever read the output went away"


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.code = code


# By name, so that nothing has to be imported to look them up.
_CODES: Mapping[str, ExitCode] = {
    "builtins.KeyboardInterrupt": ExitCode.INTERRUPTED,
    "builtins.OSError": ExitCode.USAGE,
    "builtins.UnicodeEncodeError": ExitCode.USAGE,
    "kombu.exceptions.OperationalError": ExitCode.UNAVAILABLE,
    "psycopg.OperationalError": ExitCode.UNAVAILABLE,
    "redis.exceptions.RedisError": ExitCode.UNAVAILABLE,
    "trueup.producer.files.content.UnreadableInput": ExitCode.UNREADABLE,
    "trueup.producer.ingest.NothingDecided": ExitCode.UNAVAILABLE,
    "trueup.producer.publish.BrokerUnavailable": ExitCode.UNAVAILABLE,
    "trueup.producer.publish.QueueFull": ExitCode.UNAVAILABLE,
    "trueup.settings.SettingsError": ExitCode.USAGE,
    "trueup.store.accounts.accounts.AccountExists": ExitCode.USAGE,
    "trueup.store.requests.batches.BatchDiffers": ExitCode.USAGE,
    "trueup.store.catalog.catalog.CatalogConflict": ExitCode.USAGE,
    "trueup.store.postgres.migrate.DatabaseIsNewer": ExitCode.USAGE,
    "trueup.store.postgres.migrate.NotTheOwner": ExitCode.USAGE,
    "trueup.store.accounts.secret_key.WrongSecretKey": ExitCode.USAGE,
    "trueup.store.accounts.tokens.NotAuthenticated": ExitCode.UNAUTHORISED,
    "trueup.store.accounts.tokens.NotAuthorised": ExitCode.UNAUTHORISED,
    "trueup.wire.catalog.InvalidCatalog": ExitCode.UNREADABLE,
    "trueup.wire.message.signature.BadToken": ExitCode.UNAUTHORISED,
    "sqlalchemy.exc.DBAPIError": ExitCode.UNAVAILABLE,
    "trueup_worker.commits.refusal.ChangeRefused": ExitCode.USAGE,
    "trueup_worker.commits.refusal.InvalidChange": ExitCode.USAGE,
    "trueup_worker.invoicing.adjust.AdjustmentRefused": ExitCode.USAGE,
    "trueup_worker.invoicing.adjust.UnknownCommit": ExitCode.USAGE,
    "trueup_worker.reporting.balance.UnknownCustomer": ExitCode.USAGE,
    "trueup_worker.invoicing.clock.ClockRefused": ExitCode.USAGE,
    "trueup_worker.invoicing.correct.CorrectionRefused": ExitCode.USAGE,
    "trueup_worker.reporting.explain.UnknownId": ExitCode.USAGE,
    "trueup_worker.reporting.forecast.ForecastRefused": ExitCode.USAGE,
    "trueup_worker.invoicing.regenerate.RegenerateRefused": ExitCode.USAGE,
    "trueup_worker.invoicing.release.ReleaseRefused": ExitCode.USAGE,
    "trueup_worker.invoicing.void.UnknownInvoice": ExitCode.USAGE,
    "trueup_worker.invoicing.void.VoidRefused": ExitCode.USAGE,
    "trueup_worker.local.external.UnreachableError": ExitCode.UNAVAILABLE,
    "trueup_worker.local.files.private.DamagedFile": ExitCode.USAGE,
    "trueup_worker.local.folder.AlreadyRunningError": ExitCode.USAGE,
    "trueup_worker.local.folder.FolderError": ExitCode.USAGE,
    "trueup_worker.local.servers.server.ServiceError": ExitCode.UNAVAILABLE,
    "trueup_worker.local.stack.StackError": ExitCode.UNAVAILABLE,
}
_ADVICE: Mapping[str | None, str] = {  # by SQLSTATE
    "42501": "`trueup doctor` tells what the role that it connects as may do",
    "42P01": "the database has no tables of Trueup, or old ones; `trueup migrate` brings them up to date, as does `up`",
}


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code that an error ends the command with."""
    if isinstance(error, CommandError):
        return error.code
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((_CODES[name] for name in names if name in _CODES), ExitCode.DEFECT)


def message_of(error: BaseException) -> str:
    """What an error says to the user: never SQL, never a password."""
    cause = getattr(error, "orig", None) or error  # of a database error: what the driver said
    if advice := _ADVICE.get(getattr(cause, "sqlstate", None)):
        return f"{_first_line(cause)}: {advice}"
    if hasattr(error, "orig"):
        return f"the database does not answer as it should: {_first_line(cause)}"
    if isinstance(error, UnicodeEncodeError):
        return "an argument is not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if exit_code_of(error) is ExitCode.DEFECT:
        return f"{type(error).__name__}: {_first_line(error)} (a defect in trueup: --debug shows where)"
    return str(error) or type(error).__name__


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
