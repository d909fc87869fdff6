"""Reading outcomes, and being woken when there may be some."""

import time
from collections.abc import Iterable
from typing import Any, Self
from uuid import UUID

import redis
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from shared.store.accounts import account_named
from shared.store.engine import make_engine
from shared.store.outcomes import read_outcomes
from shared.wire.envelope import DONE_CHANNEL
from shared.wire.outcome import Outcome

_IDS_AT_ONCE = 1_000


class OutcomesUnavailable(Exception):
    """The database did not answer, or does not know the account."""


class OutcomeReader:
    """Reads outcomes of one account from Postgres."""

    def __init__(self, database_url: str, *, account: str) -> None:
        url = make_url(database_url)
        self._address = f"{url.host}:{url.port or 5432}/{url.database}"
        self._engine = make_engine(database_url)
        self._account = account
        self._account_id: int | None = None

    def read(self, ids: Iterable[UUID]) -> dict[UUID, Outcome]:
        """The outcomes of those of `ids` that have one.

        Raises:
            OutcomesUnavailable: the database did not answer, or does not know the account.
        """
        wanted = list(ids)
        found: dict[UUID, Outcome] = {}
        try:
            with self._engine.connect() as connection:
                account_id = self._id_of_account(connection)
                for at in range(0, len(wanted), _IDS_AT_ONCE):
                    found |= read_outcomes(connection, account_id, wanted[at : at + _IDS_AT_ONCE])
        except SQLAlchemyError as error:
            raise OutcomesUnavailable(f"no answer from the database at {self._address}: {_cause(error)}") from error
        return found

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def _id_of_account(self, connection: Any) -> int:
        if self._account_id is None:
            account = account_named(connection, self._account)
            if account is None:
                raise OutcomesUnavailable(f"the database at {self._address} has no account {self._account!r}")
            self._account_id = account.id
        return self._account_id


class Wakeup:
    """Sleeps until a worker says on Redis that it decided something; the hint may be missing, so never for long."""

    def __init__(self, redis_url: str | None, *, account: str) -> None:
        self._channel = DONE_CHANNEL.format(account=account)
        self._client: Any = None
        if redis_url is not None:
            self._client = redis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5)
        self._subscription: Any = None

    def sleep(self, seconds_max: float) -> None:
        """Returns after a hint, or after `seconds_max`."""
        began_s = time.monotonic()
        try:
            if self._subscription is not None:
                self._subscription.get_message(ignore_subscribe_messages=True, timeout=seconds_max)
                return
        except redis.RedisError:
            self._subscription = None
        time.sleep(max(0.0, seconds_max - (time.monotonic() - began_s)))

    def __enter__(self) -> Self:
        if self._client is not None:
            try:
                self._subscription = self._client.pubsub()
                self._subscription.subscribe(self._channel)
            except redis.RedisError:
                self._subscription = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._subscription is not None:
            self._subscription.close()
        if self._client is not None:
            self._client.close()


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
