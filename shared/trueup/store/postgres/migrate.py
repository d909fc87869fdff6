"""Brings a database to the schema that this code expects."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from trueup.errors import TrueupError, Unavailable
from trueup.store.postgres.errors import sqlstate
from trueup.store.postgres.roles.grants import grant, may_migrate

LOCK_SECONDS_MAX = 600.0  # that the locks of one migration are tried for
_ONE_AT_A_TIME = 7_302_518_001  # an advisory lock: two processes that start at once migrate once
_POLL_S = 0.2
_HEAD = "head"
_BLOCKED = frozenset({"55P03", "40P01"})  # a lock was waited for in vain, or in a ring

Tell = Callable[[str], None]


class NotTheOwner(TrueupError):
    """The connected role may not change the schema; the message names what is missing and who may."""


class DatabaseIsNewer(TrueupError):
    """A later release has migrated this database; nothing was done."""


class Blocked(Unavailable):
    """Somebody held for long what a migration must change; what ran before it stays."""


def upgrade(on: Engine, *, tell: Tell = lambda _: None) -> list[str]:
    """Run what is missing, each migration in a transaction of its own, then grant; of two callers the second waits.

    A migration that cannot have its locks is tried again: those who would queue behind it go on in between.

    Args:
        on: the database, as the role that owns the schema, through no pooler: a lock is a session's.
        tell: is told in words what is waited for.

    Returns:
        The migrations that ran, oldest first.

    Raises:
        DatabaseIsNewer: it has migrations that this code does not know.
        NotTheOwner: something is missing, and this role does not own the schema. Where nothing is missing, it need not.
        Blocked: others held the locks of a migration all the time.
    """
    with _alone(on, tell) as connection:
        with connection.begin():
            pending, is_ours = pending_revisions(connection), may_migrate(connection)
        if is_ours:
            if pending:
                _run(connection, tell)
            with connection.begin():
                grant(connection)
            return pending
        if pending:
            raise NotTheOwner(
                f"the database lacks the migrations {', '.join(pending)}, and this role does not own its tables: "
                "run `trueup migrate` with TRUEUP_DATABASE_DIRECT_URL set to the owner's URL"
            )
    return []


def downgrade(on: Engine, revision: str) -> None:
    """Run backwards to `revision`."""
    with _alone(on, lambda _: None) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def _alone(on: Engine, tell: Tell) -> Iterator[Connection]:
    """A connection that holds the lock, as no other process does, and is closed at the end with all it has set.

    Between two looks no transaction is open: a concurrent build of an index, which the holder may be at, waits for all
    that are.
    """
    with on.connect() as connection:
        try:
            _wait_for_lock(connection, tell)
            with connection.begin():
                connection.execute(text("SET statement_timeout = 0"))  # a table may be long
            yield connection
        finally:
            connection.invalidate()  # which ends its session, and with it the lock


def _wait_for_lock(connection: Connection, tell: Tell) -> None:
    is_told = False
    while not _try_lock(connection):
        if not is_told:
            tell("another migration runs; waiting for it")
            is_told = True
        time.sleep(_POLL_S)


def _try_lock(connection: Connection) -> bool:
    with connection.begin():
        return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ONE_AT_A_TIME}))


def _run(connection: Connection, tell: Tell) -> None:
    def begin_anew(_: RetryCallState) -> None:
        tell(f"others hold what {_left(connection)[0]} must change; it is tried again")

    tries = Retrying(
        stop=stop_after_delay(LOCK_SECONDS_MAX),
        wait=wait_random_exponential(multiplier=0.5, max=15),
        retry=retry_if_exception(_is_blocked),
        before_sleep=begin_anew,
        reraise=True,
    )
    try:
        tries(command.upgrade, _config(connection), _HEAD)
    except Exception as error:
        if _is_blocked(error):
            left = ", ".join(_left(connection))
            raise Blocked(
                f"others held for {LOCK_SECONDS_MAX:.0f} s what the migration must change that is next of {left}: "
                "pg_stat_activity shows who; end it, and run this again"
            ) from error
        raise


def _is_blocked(error: BaseException) -> bool:
    return sqlstate(error) in _BLOCKED


def _left(connection: Connection) -> list[str]:
    connection.rollback()
    with connection.begin():
        return pending_revisions(connection)


def pending_revisions(connection: Connection) -> list[str]:
    """The migrations that this database lacks, oldest first; empty when it is up to date.

    Raises:
        DatabaseIsNewer: it has migrations that this code does not know.
    """
    script = ScriptDirectory.from_config(_config(connection))
    present = MigrationContext.configure(connection).get_current_heads()
    known = {step.revision for step in script.walk_revisions()}
    if unknown := set(present) - known:
        raise DatabaseIsNewer(
            f"the database has the migration {', '.join(sorted(unknown))}, which this release does not know: install "
            "the release that ran it, or a later one"
        )
    return [step.revision for step in reversed(list(script.iterate_revisions(_HEAD, present or "base")))]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("trueup.store").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config
