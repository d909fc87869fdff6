"""Database of a producer: it keeps what is accepted, and tells outcomes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from trueup.producer.errors import BadDatabaseUrl, DatabaseUnavailable
from trueup.store.accounts.accounts import account_named
from trueup.store.postgres.engine import make_engine, transaction
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

    def __init__(self, database_url: str, *, account: str) -> None:
        url = _read_url(database_url)
        self._address = f"{url.host}:{url.port or 5432}/{url.database}"
        self._engine = make_engine(database_url)
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


def _read_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise BadDatabaseUrl from None
    if not url.drivername.startswith("postgres"):
        raise BadDatabaseUrl
    return url


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
