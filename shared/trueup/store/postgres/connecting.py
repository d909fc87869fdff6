"""Connections of the driver: with what Trueup relies on, straight to the server or through a pooler.

Invariants:
    * a session that lacks what we rely on (its server, its encoding, its settings) runs no statement of ours;
    * through a pooler every transaction brings its settings along, in the round trip that begins it, and nothing is
      prepared; a statement outside of transactions is one.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

import psycopg
from psycopg import generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

from trueup.store.postgres.parameters import options_of, parameters_of, settings_of

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn

Pooler = Literal["transaction"]

OLDEST_SERVER = 15
_ENCODING = b"UTF8"
_OF_A_POOLER = "unsupported startup parameter"  # as PgBouncer says it
_OF_A_CERTIFICATE = ("SSL was required", "certificate verify failed", "does not match host name")
_SAY_CERTIFICATE = (
    "a server of another host must show who it is: name its authority (?sslrootcert=PATH), or say that it need not "
    "(?sslmode=disable) where nobody else is on that network"
)
_LISTS = frozenset({"search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces"})


class UnusableDatabase(psycopg.OperationalError):
    """The database answers, and cannot be used as it is reached; the message says what to do."""


class Pooled(psycopg.Connection[Any]):
    """A connection through a pooler.

    Attributes:
        prelude: sets what each transaction needs.
        is_each_alone: whether each statement is a transaction of its own.
    """

    prelude = b""
    is_each_alone = False

    def _start_query(self) -> "PQGen[None]":
        if not self.autocommit and self.info.transaction_status is TransactionStatus.IDLE:
            yield from _begin(self.pgconn, self._get_tx_start_command() + self.prelude)


class AsyncPooled(psycopg.AsyncConnection[Any]):
    """The same in an event loop, where each statement is a transaction of its own."""

    prelude = b""

    def _start_query(self) -> "PQGen[None]":
        if not self.autocommit and self.info.transaction_status is TransactionStatus.IDLE:
            yield from _begin(self.pgconn, self._get_tx_start_command() + self.prelude)


def _begin(on: "PGconn", statements: bytes) -> "PQGen[None]":
    """Begin a transaction with several statements in one round trip; the driver's own way takes one statement."""
    on.send_query(statements)
    for result in (yield from generators.execute(on)):
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)


class _Cursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **given: Any) -> Self:
        with self._ended():
            return super().execute(query, params, **given)

    def executemany(self, query: Any, params_seq: Iterable[Any], **given: Any) -> None:
        with self._ended():
            super().executemany(query, params_seq, **given)

    @contextmanager
    def _ended(self) -> Iterator[None]:
        on = self.connection
        ends_here = isinstance(on, Pooled) and on.is_each_alone
        try:
            yield
        except psycopg.Error:
            if ends_here and not on.closed:
                on.rollback()
            raise
        if ends_here:
            on.commit()


class _AsyncCursor(psycopg.AsyncCursor[Any]):
    async def execute(self, query: Any, params: Any = None, **given: Any) -> Self:
        try:
            await super().execute(query, params, **given)
        except psycopg.Error:
            if not self.connection.closed:
                await self.connection.rollback()
            raise
        await self.connection.commit()
        return self


def connect(
    database_url: str, *, statement_timeout_s: int, pooler: Pooler | None = None, connect_timeout_s: int | None = None
) -> "psycopg.Connection[Any]":
    """A connection outside of transactions.

    Args:
        database_url: Postgres; of several hosts the one that takes writes.
        statement_timeout_s: after which a statement is ended; at a lock it waits for a quarter of that.
        pooler: by what it is reached.
        connect_timeout_s: for each host; none: the URL's, or ten seconds.

    Raises:
        UnusableDatabase: it cannot be used as it is reached.
        psycopg.Error: it does not answer.
    """
    given, settings = _given(database_url, statement_timeout_s, pooler)
    if connect_timeout_s is not None:
        given["connect_timeout"] = connect_timeout_s
    try:
        if pooler is None:
            direct = psycopg.Connection.connect(**given, autocommit=True)
            _require_usable(direct, direct.execute("SELECT pg_backend_pid()").fetchone())
            direct.autocommit = False
            return direct
        pooled = Pooled.connect(**given, prepare_threshold=None, cursor_factory=_Cursor)
    except psycopg.OperationalError as error:
        raise _explained(error) from error
    _require_usable(pooled)
    pooled.prelude = _prelude(settings)
    return pooled


async def connect_in_loop(
    database_url: str, *, statement_timeout_s: int, pooler: Pooler | None = None
) -> "psycopg.AsyncConnection[Any]":
    """A connection for an event loop, as `connect`; each statement is a transaction. Raises as `connect`."""
    given, settings = _given(database_url, statement_timeout_s, pooler)
    try:
        if pooler is None:
            direct = await psycopg.AsyncConnection.connect(**given, autocommit=True)
            _require_usable(direct, await (await direct.execute("SELECT pg_backend_pid()")).fetchone())
            return direct
        pooled = await AsyncPooled.connect(**given, prepare_threshold=None, cursor_factory=_AsyncCursor)
    except psycopg.OperationalError as error:
        raise _explained(error) from error
    _require_usable(pooled)
    pooled.prelude = _prelude(settings)
    return pooled


def _given(
    database_url: str, statement_timeout_s: int, pooler: Pooler | None
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Parameters of a connection, and the settings of its sessions, which only a server itself takes among them."""
    parameters = parameters_of(database_url)
    settings = settings_of(parameters, statement_timeout_s=statement_timeout_s)
    parameters.pop("options", None)
    return parameters if pooler else {**parameters, "options": options_of(settings)}, settings


def _prelude(settings: Mapping[str, str]) -> bytes:
    return "".join(f"; SET LOCAL {name} = {_literals(name, value)}" for name, value in settings.items()).encode()


def _literals(name: str, value: str) -> str:
    values = [each.strip().strip('"') for each in value.split(",")] if name in _LISTS else [value]
    return ", ".join(f"'{each.replace(chr(39), chr(39) * 2)}'" for each in values)


def _require_usable(connection: "psycopg.BaseConnection[Any]", answering: tuple[int] | None = None) -> None:
    """Make sure that a session is one that statements of ours can run in.

    Args:
        connection: a new one.
        answering: the process that answers, where it must be the one that was connected to.
    """
    wrong = _wrong(connection, answering)
    if wrong is not None:
        connection.pgconn.finish()
        raise UnusableDatabase(wrong)


def _wrong(connection: "psycopg.BaseConnection[Any]", answering: tuple[int] | None) -> str | None:
    version, encoding = connection.info.server_version // 10_000, connection.pgconn.parameter_status(b"server_encoding")
    if version < OLDEST_SERVER:
        return f"the server is PostgreSQL {version}, and Trueup needs {OLDEST_SERVER} or newer: upgrade it"
    if encoding != _ENCODING:
        return (
            f"the database is encoded in {(encoding or b'nothing').decode()}, and Trueup needs UTF8: make another one, "
            "with ENCODING 'UTF8' TEMPLATE template0"
        )
    if answering is not None and answering[0] != connection.info.backend_pid:
        return _say_pooler("drops what is set when a session starts")
    return None


def _explained(error: psycopg.OperationalError) -> psycopg.OperationalError:
    said = str(error)
    if _OF_A_POOLER in said:
        return UnusableDatabase(_say_pooler("takes no settings at a session's start"))
    if any(each in said for each in _OF_A_CERTIFICATE):
        return UnusableDatabase(f"{said.strip()}: {_SAY_CERTIFICATE}")
    return error


def _say_pooler(trouble: str) -> str:
    return (
        f"the database is reached through a pooler, which {trouble}: set TRUEUP_DATABASE_POOLER=transaction "
        '(in a producer database_pooler="transaction"); migrations need a URL past it, TRUEUP_DATABASE_DIRECT_URL'
    )
