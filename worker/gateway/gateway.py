"""What a gateway process holds open, and how it starts and stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine

from shared.producer.rows import Scan
from shared.settings import Settings
from shared.store.batches import Batch
from shared.store.engine import make_engine, snapshot, transaction
from worker.gateway.desk import Desk
from worker.gateway.keyring import Keyring, Sender
from worker.gateway.limits import POLL_SECONDS, POLL_SECONDS_ALONE, THREADS_MAX
from worker.gateway.post import Post
from worker.gateway.rate import Rate
from worker.gateway.replies import Replies
from worker.gateway.shortcut import Shortcut
from worker.gateway.threads import Threads
from worker.gateway.uploads import Upload, Uploads
from worker.gateway.watch import OutcomeReader, Watch

T = TypeVar("T")


class Gateway:
    """Everything that calls are answered with; `running` opens and closes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        url, timeout_s = str(settings.database_url), settings.statement_timeout_s
        threads = THREADS_MAX + settings.http_uploads
        self.engine: Engine = make_engine(url, statement_timeout_s=timeout_s, pool_size=threads)
        self._threads = Threads(THREADS_MAX, name="database")
        self._sending = Threads(1, name="sending")
        self.post = Post(settings, self.engine)
        self._reader = OutcomeReader(settings)
        self._watch = Watch(self._reader, interval_s=self._interval_s)
        redis_url = None if settings.redis_url is None else str(settings.redis_url)
        self._replies = Replies(redis_url, self._watch.hear)
        self.keyring = Keyring(self.engine, self._threads, settings)
        self.rate = Rate(settings.http_rate)
        self._shortcut = Shortcut(str(settings.broker_url))
        self.desk = Desk(
            self.post,
            self._shortcut,
            sending=self._sending,
            keeping=self._threads,
            watch=self._watch,
            wait_s=settings.http_wait_s,
        )
        self._uploads = Uploads(settings, self.engine)
        self._uploading = Threads(settings.http_uploads, name="uploading")
        self.is_stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open as long as this lasts; closes when everything that was taken is answered."""
        tasks = [asyncio.create_task(self._replies.listen()), asyncio.create_task(self._watch.look())]
        try:
            yield
            await self.desk.drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._reader.close()
            await self._shortcut.close()
            self._close()

    def stop(self) -> None:
        """From now on calls are answered soon: with their outcome, or with 202 once they are kept."""
        self.is_stopping = True
        self.desk.stop()

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """The result of a unit of reading, of one moment.

        Raises:
            Refusal: 503 when the database is away.
        """

        def run() -> T:
            with snapshot(self.engine) as connection:
                return unit(connection)

        return await self._threads.run(run)

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """The result of a unit of work, committed; raises as `read`."""

        def run() -> T:
            with transaction(self.engine) as connection:
                return unit(connection)

        return await self._threads.run(run)

    async def take_upload(self, sender: Sender, upload: Upload) -> tuple[Batch, Scan]:
        """The batch that an upload became, once it is kept; raises as `Uploads.take`, and 503 as `read`."""
        return await self._uploading.run(self._uploads.take, sender, upload)

    async def backlog(self, queue: str) -> int:
        """How many envelopes wait on a queue; raises `BrokerUnavailable`."""
        return await self._sending.run(self.post.backlog, queue)

    def _interval_s(self) -> float:
        return POLL_SECONDS if self._replies.are_heard else POLL_SECONDS_ALONE

    def _close(self) -> None:
        for threads in (self._uploading, self._sending, self._threads):
            threads.close()
        self.post.close()
        self._uploads.close()
        self.engine.dispose()
