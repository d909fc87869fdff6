"""Database of a producer: it keeps what is accepted, and tells outcomes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from trueup.producer.errors import BadDatabaseUrl, DatabaseUnavailable
from trueup.store.accounts.accounts import account_named
from trueup.store.postgres.connecting import Pooler
from trueup.store.postgres.engine import make_engine, transaction
from trueup.store.postgres.parameters import parameters_of
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.store.requests.outcomes import read_outcomes
from trueup.store.requests.standing_outcomes import read_instant
from trueup.wire.message.packing import Pack
from trueup.wire.outcome import Outcome

_IDS_AT_ONCE = 1_000


class Database:
    """Database as one account's producer needs it; safe to share between threads.

    Raises:
        BadDatabaseUrl: the URL is none of Postgres.
    """

    def __init__(self, database_url: str, *, account: str, pooler: Pooler | None = None) -> None:
        self._address = _address(database_url)
        self._engine = make_engine(database_url, pooler=pooler)
        self._account = account
        self._account_id: int | None = None

    def keep(self, meta: str, packed: Pack, *, queue: str, lease_s: int) -> None:
        """Accept an envelope: from now on it will have its outcomes, whatever becomes of the broker.

        Raises:
            DatabaseUnavailable: it may or may not be kept; keeping it again under the same ids is harmless.
        """
        envelope = Kept(meta, packed.text, queue, len(packed.requests), packed.span)
        with self._transaction() as (connection, account_id):
            accept(connection, account_id, [envelope], lease_s=lease_s)

    def instant(self) -> datetime:
        """The present by its clock, for requests that are to be judged anew (`requests.standing_outcomes`).

        Raises:
            DatabaseUnavailable: it cannot be read.
        """
        with self._transaction() as (connection, account_id):
            return read_instant(connection, account_id)

    def outcomes(self, ids: Iterable[UUID]) -> dict[UUID, Outcome]:
        """The outcomes of those of `ids` that have one.

        Raises:
            DatabaseUnavailable: they cannot be read.
        """
        wanted = list(ids)
        found: dict[UUID, Outcome] = {}
        with self._transaction() as (connection, account_id):
            for at in range(0, len(wanted), _IDS_AT_ONCE):
                found |= read_outcomes(connection, account_id, wanted[at : at + _IDS_AT_ONCE])
        return found

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Connection, int]]:
        try:
            with transaction(self._engine) as connection:
                yield connection, self._id_of_account(connection)
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"no answer from the database at {self._address}: {_cause(error)}") from error

    def _id_of_account(self, connection: Connection) -> int:
        if self._account_id is None:
            account = account_named(connection, self._account)
            if account is None:
                raise DatabaseUnavailable(f"the database at {self._address} has no account {self._account!r}")
            self._account_id = account.id
        return self._account_id


def _address(database_url: str) -> str:
    try:
        given = parameters_of(database_url)
        hosts, ports = str(given.get("host", "")).split(","), str(given.get("port", "5432")).split(",")
        if not all(each.isdigit() for each in ports):
            raise BadDatabaseUrl
    except ValueError:
        raise BadDatabaseUrl from None
    told = ",".join(":".join(each) for each in zip_longest(hosts, ports, fillvalue=ports[-1]))
    return f"{told}/{given.get('dbname', '')}"


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
