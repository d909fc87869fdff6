"""Exit codes of errors, and their messages: Trueup's own say theirs, those of libraries stand here."""

from collections.abc import Mapping

from trueup.errors import ExitCode, TrueupError


class CommandError(TrueupError):
    """A command cannot do what it was asked; the message says why and what to do."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


# By name, so that nothing has to be imported to look them up.
_CODES: Mapping[str, ExitCode] = {
    "builtins.KeyboardInterrupt": ExitCode.INTERRUPTED,
    "builtins.OSError": ExitCode.USAGE,
    "builtins.UnicodeEncodeError": ExitCode.USAGE,
    "kombu.exceptions.OperationalError": ExitCode.UNAVAILABLE,
    "psycopg.OperationalError": ExitCode.UNAVAILABLE,
    "redis.exceptions.RedisError": ExitCode.UNAVAILABLE,
    "sqlalchemy.exc.DBAPIError": ExitCode.UNAVAILABLE,
}
_ADVICE: Mapping[str | None, str] = {  # by SQLSTATE
    "42501": "`trueup doctor` tells what the role that it connects as may do",
    "42P01": "the database has no tables of Trueup, or old ones; `trueup migrate` brings them up to date, as does `up`",
}


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code that an error ends the command with."""
    if isinstance(error, TrueupError):
        return error.exit_code
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((_CODES[name] for name in names if name in _CODES), ExitCode.DEFECT)


def message_of(error: BaseException) -> str:
    """Message of an error for the user: never SQL, never a password."""
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
