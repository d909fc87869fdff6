"""Every call is answered, whatever fails while it is sent, and holds up no later one."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, cast

import pytest

from tests.integration.intake import settings_of
from trueup.ids import new_id_text
from trueup.producer.known_backlog import KnownBacklog
from trueup.store.accounts.tokens import Caller
from trueup.wire.message.envelope import QueuedRequest
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue import answering, lanes
from trueup_worker.gateway.enqueue import coalescer as coalescer_module
from trueup_worker.gateway.enqueue.coalescer import Coalescer, Manner
from trueup_worker.gateway.enqueue.create_retries import Tries
from trueup_worker.gateway.enqueue.outcomes.outcome_watch import OutcomeReader, OutcomeWatch
from trueup_worker.gateway.enqueue.pending_request import PENDING, PendingRequest
from trueup_worker.gateway.enqueue.redis_sender import RedisSender
from trueup_worker.gateway.http.refusals import DO_NOT_RETRY, Refusal

SENDER = Principal(Caller(1, "acme", "key", frozenset({"commits:write"}), None), None)


class Noting(Tries):
    """Begins a note that comes to this: it is made, it cannot be made, or nobody hears."""

    def __init__(self, *, comes_to: bool | None) -> None:
        super().__init__(settings_of())
        self._comes_to = comes_to

    async def note(self, pending_requests: Sequence[PendingRequest]) -> None:
        """Without a database."""
        for pending_request in pending_requests:
            pending_request.noted = asyncio.get_running_loop().create_future()
            if self._comes_to is not None:
                pending_request.noted.set_result(self._comes_to)


NOTED = Noting(comes_to=True)


class Sender:
    """Nothing can be sent or kept, for a reason that nobody thought of."""

    def meta(self, account: str) -> str:
        """The first argument."""
        return account

    known = KnownBacklog(1)

    def check_room(self, queue: str) -> None:
        """Always."""

    def send(self, envelope: object) -> None:
        """Fails."""
        raise LookupError(f"{envelope} cannot be sent")

    def keep(self, envelope: object) -> None:
        """Fails."""
        raise LookupError(f"{envelope} cannot be kept")


@contextmanager
def coalescing(sender: object, *, tries: Tries = NOTED) -> Iterator[Coalescer]:
    """A coalescer that sends with this."""
    with closing(Threads(1, name="sending")) as sending, closing(Threads(1, name="keeping")) as keeping:
        yield Coalescer(
            cast("Any", sender),
            RedisSender("amqp://unused"),
            sending=sending,
            keeping=keeping,
            tries=tries,
            watch=OutcomeWatch(OutcomeReader(settings_of()), interval_s=lambda: 1.0),
            wait_s=0.01,
            note_s=0.01,
        )


def a_request() -> QueuedRequest:
    """A request of its own."""
    return QueuedRequest(new_id_text(), "commit", None, "{}")


async def answers(manner: Manner, *, sender: object, tries: Tries | None = None) -> list[object]:
    """What three calls get, one after the other."""
    with coalescing(sender, tries=tries or Tries(settings_of())) as coalescer:
        told: list[object] = []
        for _ in range(3):
            async with asyncio.timeout(5):
                calls = coalescer.submit(SENDER, a_request(), manner, digest=b"d")
                told += await asyncio.gather(calls, return_exceptions=True)
        assert coalescer.waited_s() == 0
        return told


@pytest.mark.parametrize("manner", ["wait", "keep"])
@pytest.mark.parametrize("log_fails", [False, True])
def test_what_nobody_thought_of(monkeypatch: pytest.MonkeyPatch, manner: Manner, log_fails: bool) -> None:  # noqa: FBT001
    """Each call is told, the later ones too, even if the log cannot be."""

    def tell(*_: object, **__: object) -> None:
        if log_fails:
            raise OSError(28, "no space left on device")

    monkeypatch.setattr(answering.log, "exception", tell, raising=False)
    told = asyncio.run(answers(manner, sender=Sender(), tries=NOTED))
    assert [type(each) for each in told] == [LookupError] * 3


@pytest.mark.parametrize("log_fails", [False, True])
def test_what_is_not_decided_and_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, log_fails: bool) -> None:  # noqa: FBT001
    """A call that waited for its outcome in vain is told, too."""

    class Sent(Sender):
        def send(self, envelope: object) -> None:
            """Goes well."""

    def tell(*_: object, **__: object) -> None:
        if log_fails:
            raise OSError(28, "no space left on device")

    monkeypatch.setattr(answering.log, "exception", tell, raising=False)
    told = asyncio.run(answers("wait", sender=Sent(), tries=NOTED))
    assert [type(each) for each in told] == [LookupError] * 3


def test_lanes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens call, so many lanes are remembered, and those where calls wait."""
    monkeypatch.setattr(lanes, "TOKENS_MAX", 2)

    async def run() -> int:
        with coalescing(Sender()) as coalescer:
            for number in range(5):
                principal = Principal(Caller(1, "acme", f"key {number}", frozenset({"commits:write"}), None), None)
                with pytest.raises(LookupError):
                    await coalescer.submit(principal, a_request())
                await coalescer.drain()
            return len(coalescer._lanes)

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize("comes_to", [True, False, None])
def test_an_answer_waits_for_the_note_of_its_try(comes_to: bool | None) -> None:  # noqa: FBT001
    """Where a retry would not find its try, the call is told not to be sent again before somebody has asked."""

    class Kept(Sender):
        def keep(self, envelope: object) -> None:
            """Goes well."""

    told = asyncio.run(answers("keep", sender=Kept(), tries=Noting(comes_to=comes_to)))
    if comes_to:
        assert told == [PENDING] * 3
    else:
        assert [(each.status_code, each.headers) for each in told if isinstance(each, Refusal)] == [
            (503, DO_NOT_RETRY)
        ] * 3


def test_a_database_that_is_away() -> None:
    """What cannot be noted is not sent: the call may come again."""
    away = Tries(settings_of(database_url="postgresql://nobody@127.0.0.1:1/x", http_database_s=1))
    told = asyncio.run(answers("wait", sender=Sender(), tries=away))
    assert [
        (each.status_code, "retry-after" in (each.headers or {})) for each in told if isinstance(each, Refusal)
    ] == [(503, True)] * 3


def test_one_envelope_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with one is not told to the calls of another; where none can be packed, all are told."""

    class FirstFails(Sender):
        kept = 0

        def keep(self, envelope: object) -> None:
            """Once it goes wrong."""
            self.kept += 1
            if self.kept == 1:
                raise LookupError(f"{envelope} cannot be kept")

    async def run() -> list[object]:
        with coalescing(FirstFails()) as coalescer:
            monkeypatch.setattr(coalescer._sending._dispatcher, "send", sent)
            requests = [a_request(), a_request()]
            async with asyncio.timeout(5):
                return await asyncio.gather(
                    *(coalescer.submit(SENDER, each, "keep") for each in requests), return_exceptions=True
                )

    async def sent(_: object) -> None:
        """Goes well."""

    together = coalescer_module.pack
    with monkeypatch.context() as patched:
        patched.setattr(coalescer_module, "pack", lambda requests: (p for each in requests for p in together([each])))
        told = asyncio.run(run())
    assert [type(each) for each in told] == [LookupError, str]
    with monkeypatch.context() as patched:
        patched.setattr(coalescer_module, "pack", lambda _: 1 / 0)
        told = asyncio.run(run())
    assert [type(each) for each in told] == [ZeroDivisionError] * 2


@pytest.mark.parametrize("log_fails", [False, True])
def test_calls_that_gather_behind_a_failure(monkeypatch: pytest.MonkeyPatch, log_fails: bool) -> None:  # noqa: FBT001
    """They travel next, whatever became of the envelope before them, and of the word about it."""
    begun, goes_on = threading.Event(), threading.Event()

    class FirstFails(Sender):
        kept = 0

        def keep(self, envelope: object) -> None:
            """The first one goes wrong, when the second call waits."""
            self.kept += 1
            if self.kept == 1:
                begun.set()
                goes_on.wait(5)
                raise LookupError(f"{envelope} cannot be kept")

    def tell(*_: object, **__: object) -> None:
        if log_fails:
            raise OSError(28, "no space left on device")

    async def run() -> list[object]:
        with coalescing(FirstFails()) as coalescer:
            first = asyncio.create_task(coalescer.submit(SENDER, a_request(), "keep"))
            while not begun.is_set():  # noqa: ASYNC110 - a thread tells
                await asyncio.sleep(0.001)
            second = asyncio.create_task(coalescer.submit(SENDER, a_request(), "keep"))
            await asyncio.sleep(0)
            goes_on.set()
            async with asyncio.timeout(5):
                return await asyncio.gather(first, second, return_exceptions=True)

    monkeypatch.setattr(answering.log, "exception", tell, raising=False)
    assert [type(each) for each in asyncio.run(run())] == [LookupError, str]


def test_a_lane_that_is_cancelled() -> None:
    """Calls on their way are told that nobody knows, those that gather that they were not sent: none waits on."""
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(Sender):
        def keep(self, envelope: object) -> None:  # noqa: ARG002 - it is kept, whatever it is
            """Takes until it is told."""
            begun.set()
            goes_on.wait(5)

    async def run() -> list[object]:
        with coalescing(Slow()) as coalescer:
            first = asyncio.create_task(coalescer.submit(SENDER, a_request(), "keep"))
            while not begun.is_set():  # noqa: ASYNC110 - a thread tells
                await asyncio.sleep(0.001)
            second = asyncio.create_task(coalescer.submit(SENDER, a_request(), "keep"))
            await asyncio.sleep(0)
            (mover,) = coalescer._tasks._tasks
            mover.cancel()
            goes_on.set()
            async with asyncio.timeout(5):
                return await asyncio.gather(first, second, return_exceptions=True)

    told = [each for each in asyncio.run(run()) if isinstance(each, Refusal)]
    assert [(each.status_code, "retry-after" in (each.headers or {})) for each in told] == [(503, False), (503, True)]
