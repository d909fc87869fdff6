"""Asks the database how things stand: on a thread and a connection of its own, and not for long."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from trueup.settings import Settings
from trueup.store.postgres.engine import make_engine, snapshot
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.http.refusals import unavailable
from trueup_worker.gateway.limits import HEALTH_SECONDS_MAX

T = TypeVar("T")


class Probe:
    """Answers while every other thread waits for a database that says nothing."""

    def __init__(self, settings: Settings) -> None:
        self._engine = make_engine(
            str(settings.database_url),
            statement_timeout_s=HEALTH_SECONDS_MAX,
            pool_size=1,
            pooler=settings.database_pooler,
        )
        self._threads = Threads(1, name="probe", wait_s=HEALTH_SECONDS_MAX)

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """The result of a unit of reading.

        Raises:
            Refusal: 503 when the database does not answer at once.
        """

        def run() -> T:
            try:
                with snapshot(self._engine) as connection:
                    return unit(connection)
            except SQLAlchemyError as error:  # a lock that does not come in time is no answer either
                raise unavailable("the database") from error

        return await self._threads.run(run)

    def close(self) -> None:
        """Close the connection."""
        self._threads.close()
        self._engine.dispose()
