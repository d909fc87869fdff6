"""Answers that are read from the database while they are sent: a bounded number, none for ever."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from trueup.store.postgres.engine import snapshot
from trueup.store.postgres.errors import is_away
from trueup_worker.gateway.http.refusals import rate_limited, unavailable

_RETRY_AFTER_S = 5


class Stream:
    """Pieces of an answer, read one after the other from one moment, in a thread of its own."""

    def __init__(
        self, engine: Engine, unit: Callable[[Connection], Iterator[bytes]], ended: Callable[[], None]
    ) -> None:
        self._pieces = _pieces(engine, unit)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="streaming")
        self._ended = ended

    async def next(self) -> bytes | None:
        """The next piece; None: that was all."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, next, self._pieces, None)

    def close(self) -> None:
        """Let go of the database, as soon as what it is asked for now has come."""
        self._thread.submit(self._pieces.close)
        self._thread.shutdown(wait=False)
        self._ended()


class Streams:
    """Streams that are open: one of an account, `count` of a process."""

    def __init__(self, engine: Engine, *, count: int) -> None:
        self._engine, self._count = engine, count
        self._accounts: set[int] = set()

    async def begin(
        self, account_id: int, unit: Callable[[Connection], Iterator[bytes]]
    ) -> tuple[bytes | None, Stream]:
        """A stream, with its first piece, so that what goes wrong by then is told as an answer; it has to be closed.

        Raises:
            Refusal: 429 when too many are open, 503 when the database is away.
        """
        if account_id in self._accounts or len(self._accounts) >= self._count:
            raise rate_limited("another export is being sent: try again when it is done", retry_after_s=_RETRY_AFTER_S)
        self._accounts.add(account_id)
        stream = Stream(self._engine, unit, lambda: self._accounts.discard(account_id))
        try:
            return await stream.next(), stream
        except BaseException as error:
            stream.close()
            if isinstance(error, SQLAlchemyError) and is_away(error):
                raise unavailable("the database") from error
            raise


def _pieces(engine: Engine, unit: Callable[[Connection], Iterator[bytes]]) -> Generator[bytes]:
    with snapshot(engine) as connection:
        yield from unit(connection)
