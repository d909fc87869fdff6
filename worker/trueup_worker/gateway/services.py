"""Services that a gateway process holds open; they start and stop together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from trueup.extras import MissingExtra
from trueup.settings import Settings
from trueup.store.postgres.engine import make_engine, snapshot, transaction
from trueup.store.postgres.errors import is_away
from trueup_worker.documents.typesetters import Typesetters
from trueup_worker.documents.view import Document
from trueup_worker.gateway.callers.authentication import Authentication, Principal
from trueup_worker.gateway.callers.rate_limit import Rate
from trueup_worker.gateway.database.probe import Probe
from trueup_worker.gateway.database.streams import Streams
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue.coalescer import Coalescer
from trueup_worker.gateway.enqueue.create_retries import Tries
from trueup_worker.gateway.enqueue.outcomes.create_round_trip import CreateRoundTrip
from trueup_worker.gateway.enqueue.outcomes.done_channel import DoneChannel
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeReader, OutcomeWatch
from trueup_worker.gateway.enqueue.redis_sender import RedisSender
from trueup_worker.gateway.enqueue.sender import Sender
from trueup_worker.gateway.http.refusals import busy, change_in_doubt, not_installed, unavailable
from trueup_worker.gateway.limits import (
    ASKING_THREADS_MAX,
    EXPORTS_MAX,
    KEEPING_THREADS_MAX,
    OVERDUE_SECONDS,
    POLL_SECONDS,
    POLL_SECONDS_ALONE,
    THREADS_MAX,
    TYPESETTERS,
    TYPESETTING_WAIT_S,
)
from trueup_worker.gateway.uploads.progress import UploadProgress
from trueup_worker.gateway.uploads.spool import Spool
from trueup_worker.gateway.uploads.upload import TakenUpload, Upload, Uploads

_AGAIN_S = 1.0

T = TypeVar("T")
log = structlog.get_logger()


class Gateway:
    """Everything that calls are answered with; `running` opens and closes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        count = THREADS_MAX + 1 + KEEPING_THREADS_MAX + ASKING_THREADS_MAX + settings.http_uploads + EXPORTS_MAX
        self.engine: Engine = make_engine(
            str(settings.database_url),
            statement_timeout_s=settings.statement_timeout_s,
            pool_size=count,
            pooler=settings.database_pooler,
        )
        wait_s = settings.http_database_s
        self._threads = Threads(THREADS_MAX, name="database", wait_s=wait_s)
        self._burning = Threads(1, name="burning", wait_s=wait_s)
        self._typesetters = Typesetters(TYPESETTERS)
        self._typesetting = Threads(
            TYPESETTERS, name="typesetting", wait_s=TYPESETTING_WAIT_S, busy=lambda: busy("the typesetter")
        )
        self._keeping = Threads(KEEPING_THREADS_MAX, name="keeping", wait_s=wait_s)
        self._asking = Threads(ASKING_THREADS_MAX, name="asking", wait_s=wait_s)
        self._sending = Threads(1, name="sending")
        self.sender = Sender(settings, self.engine)
        self._reader = OutcomeReader(settings)
        self.round_trip = CreateRoundTrip(self._send_probe, lambda: self._done_channel.are_heard)
        self._watch = OutcomeWatch(self._reader, interval_s=self._interval_s, on_answer=self.round_trip.note)
        redis_url = None if settings.redis_url is None else str(settings.redis_url)
        self._done_channel = DoneChannel(redis_url, self._hear)
        self.authentication = Authentication(self.engine, self._asking, settings)
        self.rate = Rate(settings.http_rate)
        self._redis_sender = RedisSender(str(settings.broker_url))
        self.tries = Tries(settings)
        self.coalescer = Coalescer(
            self.sender,
            self._redis_sender,
            sending=self._sending,
            keeping=self._keeping,
            tries=self.tries,
            watch=self._watch,
            wait_s=settings.http_wait_s,
            note_s=wait_s,
        )
        self._uploads = Uploads(settings, self.engine)
        self.spool = Spool(upload_mb=settings.http_upload_mb, all_mb=settings.http_spool_mb)
        self._uploading = Threads(settings.http_uploads, name="uploading", wait_s=wait_s)
        self.streams = Streams(self.engine, count=EXPORTS_MAX)
        self.probe = Probe(settings)
        self.is_stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open as long as this lasts; closes when everything that was taken is answered."""
        tasks = [asyncio.create_task(_kept_going(work)) for work in (self._done_channel.listen, self._watch.look)]
        try:
            yield
            await self.coalescer.drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._reader.close()
            await self.tries.close()
            self._redis_sender.close()
            self._close()

    def stop(self) -> None:
        """From now on calls are answered soon: with their outcome, or with 202 once they are kept."""
        self.is_stopping = True
        self.coalescer.stop()

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """The result of a unit of reading, of one moment.

        Raises:
            Refusal: 503 when the database is away.
        """
        return await self._threads.run(self._read, unit)

    async def work_out(self, unit: Callable[[Connection], T]) -> T:
        """As `read`, for what may burn down a customer's open usage: one at a time, however many ask.

        That is work for this process, not for the database; several at once would leave little of it for other calls.
        """
        return await self._burning.run(self._read, unit)

    async def typeset(self, document: Document) -> tuple[bytes, Sequence[str]]:
        """PDF of a document, and what is to be told of it; an account has one set at a time.

        Raises:
            Refusal: 503 while too many wait for theirs; 501 where what sets them is not installed.
        """
        told: list[str] = []
        try:
            pdf = await self._typesetting.run(
                self._typesetters.pdf, document, told.append, late=lambda: unavailable("the typesetter")
            )
        except MissingExtra as error:
            raise not_installed(str(error)) from None
        for each in told:
            log.warning("a font is lacking", action="font_lacking", document=each)
        return pdf, told

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """The result of a unit of work, committed.

        Raises:
            Refusal: 503 as `read`; another where the database was lost at the commit: then nobody knows.
        """

        def run() -> T:
            is_done = False
            try:
                with transaction(self.engine) as connection:
                    result = unit(connection)
                    is_done = True
            except SQLAlchemyError as error:
                if is_done and is_away(error):
                    raise change_in_doubt() from error
                raise
            return result

        return await self._threads.run(run, late=change_in_doubt)

    async def change(self, unit: Callable[[Engine], T]) -> T:
        """The result of a use case that makes its transactions itself; raises as `write`."""

        def run() -> T:
            try:
                return unit(self.engine)
            except SQLAlchemyError as error:
                if is_away(error):
                    raise change_in_doubt() from error
                raise

        return await self._threads.run(run, late=change_in_doubt)

    async def take_upload(self, principal: Principal, upload: Upload) -> TakenUpload:
        """The upload with the batch that it became, once it is kept; raises as `Uploads.take`, and 503 as `read`."""
        progress = UploadProgress(is_new=upload.new)
        try:
            return await self._uploading.run(
                self._uploads.take, principal, upload, progress, late=progress.give_up, waited_s=progress.waited_s
            )
        finally:
            if not progress.has_begun:
                upload.file.close()

    async def backlog(self, queue: str) -> int:
        """Number of envelopes that wait on a queue; raises `BrokerUnavailable`."""
        return await self._sending.run(self.sender.backlog, queue)

    def is_stuck(self) -> bool:
        """Tell whether a call waits beyond all that it may wait for."""
        wait_s_max = self.settings.http_wait_s + self.settings.http_database_s + OVERDUE_SECONDS
        return self.coalescer.waited_s() > wait_s_max

    async def _send_probe(self, name: str) -> None:
        await self._sending.run(self.sender.probe, name)

    def _hear(self, account: str, ids: list[str]) -> None:
        """No account has an empty name: that is how workers answer probes."""
        if account:
            self._watch.hear(account, ids)
        else:
            self.round_trip.hear(ids)

    def _read(self, unit: Callable[[Connection], T]) -> T:
        with snapshot(self.engine) as connection:
            return unit(connection)

    def _interval_s(self) -> float:
        return POLL_SECONDS if self._done_channel.are_heard else POLL_SECONDS_ALONE

    def _close(self) -> None:
        self._typesetters.close()
        reading = (self._typesetting, self._burning, self._asking, self._threads)
        for threads in (self._uploading, self._sending, self._keeping, *reading):
            threads.close()
        self.probe.close()
        self.sender.close()
        self._uploads.close()
        self.engine.dispose()


async def _kept_going(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Whatever ends it before it is done, it begins again: calls wait for it."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("begins again", action="begins_again")
            await asyncio.sleep(_AGAIN_S)
