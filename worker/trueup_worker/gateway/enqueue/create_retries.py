"""Tries of creates, noted while they are on their way, so that a client's own retry finds them by any gateway.

On connections of its own, in the event loop: a note costs one statement for all calls that travel together, and nobody
waits for it but the answer, which takes longer to come. It is durable before anybody is told an outcome.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
import structlog

from trueup.limits import RETRY_MINUTES_MAX
from trueup.settings import Settings
from trueup.store.postgres.connecting import connect_in_loop
from trueup.store.requests.create_tries import claim_try, lose_try, note_tries
from trueup_worker.gateway.enqueue.pending_request import PendingRequest
from trueup_worker.gateway.http.refusals import Refusal, unavailable
from trueup_worker.gateway.limits import NOTING_CONNECTIONS_MAX, NOTING_PAUSE_SECONDS

T = TypeVar("T")

Cursor = psycopg.AsyncCursor[Any]

log = structlog.get_logger()


class Tries:
    """Notes and claims of tries; for one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wait_s = settings.http_database_s
        self._idle: list[Cursor] = []
        self._turns = asyncio.Semaphore(NOTING_CONNECTIONS_MAX)

    async def note(self, pending_requests: Sequence[PendingRequest]) -> None:
        """Begin to note the tries among these calls of one account; return when the database is being told.

        Each of them gets a `noted`: what comes to be True once the note is durable, or False when it cannot be.

        Raises:
            Refusal: 503, when the database is away: none of them may be sent.
        """
        tried = [pending_request for pending_request in pending_requests if pending_request.digest is not None]
        if not tried:
            return
        cursor = await self._take()
        noting = asyncio.get_running_loop().create_task(self._note(cursor, tried))
        for pending_request in tried:
            pending_request.noted = noting
        await asyncio.sleep(0)  # its first step is to put the statement on the line

    async def claim(self, account_id: int, digest: bytes, *, retries: int, new_id: str) -> str:
        """The request that a client's own retry is to send again, or `new_id`.

        Raises:
            Refusal: 503, when the database is away; the client's next retry finds what this one may have claimed.
        """
        claim = partial(
            claim_try,
            account_id=account_id,
            digest=digest,
            retries=retries,
            new_id=new_id,
            minutes=RETRY_MINUTES_MAX,
        )
        return await self._run(await self._take(), claim)

    async def lose(self, account_id: int, digest: bytes, *, request_id: str, retries: int) -> None:
        """Note that nobody hears the answer to a try, if that can be noted."""
        lose = partial(lose_try, account_id=account_id, digest=digest, request_id=request_id, retries=retries)
        with suppress(Refusal):  # another try may be claimed first, and no more than that
            await self._run(await self._take(), lose)

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().connection.close()

    async def _note(self, taken: Cursor, tried: list[PendingRequest]) -> bool:
        """Note tries, until it takes too long: what may be sent by now is not forgotten for a lost connection."""
        digests = [pending_request.digest for pending_request in tried if pending_request.digest is not None]
        ids = [pending_request.request.id for pending_request in tried]
        note = partial(note_tries, account_id=tried[0].account_id, digests=digests, request_ids=ids)
        loop, cursor = asyncio.get_running_loop(), taken
        until_s = loop.time() + self._wait_s
        while True:
            try:
                await self._run(cursor, note)
            except Refusal as error:
                log.warning("tries not noted", action="tries_not_noted", error=str(error.__cause__)[:500])
            else:
                return True
            await asyncio.sleep(NOTING_PAUSE_SECONDS)
            if loop.time() >= until_s:
                return False
            try:
                cursor = await self._take()
            except Refusal:
                return False

    async def _run(self, cursor: Cursor, unit: Callable[[Cursor], Coroutine[Any, Any, T]]) -> T:
        """The result of a unit on a cursor that was taken, and is given back, or closed when anything goes wrong."""
        try:
            async with asyncio.timeout(self._wait_s):
                result = await unit(cursor)
        except (psycopg.Error, TimeoutError) as error:
            await cursor.connection.close()
            raise unavailable("the database") from error
        except BaseException:
            await cursor.connection.close()
            raise
        else:
            self._idle.append(cursor)
            return result
        finally:
            self._turns.release()

    async def _take(self) -> Cursor:
        """A cursor on an open connection, for one statement; raises 503 when there is none to be had in time."""
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turns.acquire()
                try:
                    return self._idle.pop() if self._idle else await self._open()
                except BaseException:
                    self._turns.release()
                    raise
        except (psycopg.Error, TimeoutError) as error:
            raise unavailable("the database") from error

    async def _open(self) -> Cursor:
        connection = await connect_in_loop(
            str(self._settings.database_url),
            statement_timeout_s=self._settings.statement_timeout_s,
            pooler=self._settings.database_pooler,
        )
        return connection.cursor()
