"""Every call is answered, whatever fails while it is sent, and holds up no later one."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from typing import Any, cast

import pytest

from tests.integration.intake import settings_of
from trueup.ids import new_id_text
from trueup.store.tokens import Caller
from trueup.wire.envelope import QueuedRequest
from trueup_worker.gateway import desk as desk_module
from trueup_worker.gateway.desk import Desk, Manner
from trueup_worker.gateway.keyring import Sender
from trueup_worker.gateway.refusals import DO_NOT_RETRY, Refusal
from trueup_worker.gateway.shortcut import Shortcut
from trueup_worker.gateway.threads import Threads
from trueup_worker.gateway.ticket import PENDING, Ticket
from trueup_worker.gateway.tries import Tries
from trueup_worker.gateway.watch import OutcomeReader, Watch

SENDER = Sender(Caller(1, "acme", "key", frozenset({"commits:write"}), None), None)


class Noting(Tries):
    """Begins a note that comes to this: it is made, it cannot be made, or nobody hears."""

    def __init__(self, *, comes_to: bool | None) -> None:
        super().__init__(settings_of())
        self._comes_to = comes_to

    async def note(self, tickets: Sequence[Ticket]) -> None:
        """Without a database."""
        for ticket in tickets:
            ticket.noted = asyncio.get_running_loop().create_future()
            if self._comes_to is not None:
                ticket.noted.set_result(self._comes_to)


NOTED = Noting(comes_to=True)


class Post:
    """Nothing can be sent or kept, for a reason that nobody thought of."""

    def meta(self, account: str) -> str:
        """The first argument."""
        return account

    def knows_room(self, queue: str) -> bool:
        """Nothing is known."""
        return not queue

    def check_room(self, queue: str) -> None:
        """Always."""

    def send(self, letter: object) -> None:
        """Fails."""
        raise LookupError(f"{letter} cannot be sent")

    def keep(self, letter: object) -> None:
        """Fails."""
        raise LookupError(f"{letter} cannot be kept")


async def answers(manner: Manner, *, post: object, tries: Tries | None = None) -> list[object]:
    """What three calls get, one after the other."""
    with closing(Threads(1, name="sending")) as sending, closing(Threads(1, name="keeping")) as keeping:
        desk = Desk(
            cast("Any", post),
            Shortcut("redis://unused:1/0?none"),
            sending=sending,
            keeping=keeping,
            tries=tries or Tries(settings_of()),
            watch=Watch(OutcomeReader(settings_of()), interval_s=lambda: 1.0),
            wait_s=0.01,
            note_s=0.01,
        )
        told: list[object] = []
        for _ in range(3):
            request = QueuedRequest(new_id_text(), "commit", None, "{}")
            async with asyncio.timeout(5):
                calls = desk.submit(SENDER, request, manner, digest=b"d")
                told += await asyncio.gather(calls, return_exceptions=True)
        assert desk.waited_s() == 0
        return told


@pytest.mark.parametrize("manner", ["wait", "keep"])
@pytest.mark.parametrize("log_fails", [False, True])
def test_what_nobody_thought_of(monkeypatch: pytest.MonkeyPatch, manner: Manner, log_fails: bool) -> None:  # noqa: FBT001
    """Each call is told, the later ones too, even if the log cannot be."""

    def tell(*_: object, **__: object) -> None:
        if log_fails:
            raise OSError(28, "no space left on device")

    monkeypatch.setattr(desk_module.log, "exception", tell, raising=False)
    told = asyncio.run(answers(manner, post=Post(), tries=NOTED))
    assert [type(each) for each in told] == [LookupError] * 3


@pytest.mark.parametrize("log_fails", [False, True])
def test_what_is_not_decided_and_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, log_fails: bool) -> None:  # noqa: FBT001
    """A call that waited for its outcome in vain is told, too."""

    class Sent(Post):
        def send(self, letter: object) -> None:
            """Goes well."""

    def tell(*_: object, **__: object) -> None:
        if log_fails:
            raise OSError(28, "no space left on device")

    monkeypatch.setattr(desk_module.log, "exception", tell, raising=False)
    told = asyncio.run(answers("wait", post=Sent(), tries=NOTED))
    assert [type(each) for each in told] == [LookupError] * 3


def test_lanes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens call, so many lanes are remembered, and those where calls wait."""
    monkeypatch.setattr(desk_module, "TOKENS_MAX", 2)

    async def run() -> int:
        with closing(Threads(1, name="sending")) as sending, closing(Threads(1, name="keeping")) as keeping:
            desk = Desk(
                cast("Any", Post()),
                Shortcut("redis://unused:1/0?none"),
                sending=sending,
                keeping=keeping,
                tries=NOTED,
                watch=Watch(OutcomeReader(settings_of()), interval_s=lambda: 1.0),
                wait_s=0.01,
                note_s=0.01,
            )
            for number in range(5):
                sender = Sender(Caller(1, "acme", f"key {number}", frozenset({"commits:write"}), None), None)
                request = QueuedRequest(new_id_text(), "commit", None, "{}")
                with pytest.raises(LookupError):
                    await desk.submit(sender, request)
                await desk.drain()
            return len(desk._lanes)

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize("comes_to", [True, False, None])
def test_an_answer_waits_for_the_note_of_its_try(comes_to: bool | None) -> None:  # noqa: FBT001
    """Where a retry would not find its try, the call is told not to be sent again before somebody has asked."""

    class Kept(Post):
        def keep(self, letter: object) -> None:
            """Goes well."""

    told = asyncio.run(answers("keep", post=Kept(), tries=Noting(comes_to=comes_to)))
    if comes_to:
        assert told == [PENDING] * 3
    else:
        assert [(each.status_code, each.headers) for each in told if isinstance(each, Refusal)] == [
            (503, DO_NOT_RETRY)
        ] * 3


def test_a_database_that_is_away() -> None:
    """What cannot be noted is not sent: the call may come again."""
    away = Tries(settings_of(database_url="postgresql://nobody@127.0.0.1:1/x", http_database_s=1))
    told = asyncio.run(answers("wait", post=Post(), tries=away))
    assert [
        (each.status_code, "retry-after" in (each.headers or {})) for each in told if isinstance(each, Refusal)
    ] == [(503, True)] * 3


def test_one_envelope_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with one is not told to the calls of another; where none can be packed, all are told."""

    class FirstFails(Post):
        kept = 0

        def keep(self, letter: object) -> None:
            """Once it goes wrong."""
            self.kept += 1
            if self.kept == 1:
                raise LookupError(f"{letter} cannot be kept")

    async def run() -> list[object]:
        with closing(Threads(1, name="sending")) as sending, closing(Threads(1, name="keeping")) as keeping:
            desk = Desk(
                cast("Any", FirstFails()),
                Shortcut("redis://unused:1/0?none"),
                sending=sending,
                keeping=keeping,
                watch=Watch(OutcomeReader(settings_of()), interval_s=lambda: 1.0),
                tries=NOTED,
                wait_s=0.01,
                note_s=0.01,
            )
            monkeypatch.setattr(desk, "_dispatch", sent)
            requests = [QueuedRequest(new_id_text(), "commit", None, "{}") for _ in range(2)]
            async with asyncio.timeout(5):
                return await asyncio.gather(
                    *(desk.submit(SENDER, each, "keep") for each in requests), return_exceptions=True
                )

    async def sent(_: object) -> None:
        """Goes well."""

    together = desk_module.pack
    with monkeypatch.context() as patched:
        patched.setattr(desk_module, "pack", lambda requests: (p for each in requests for p in together([each])))
        told = asyncio.run(run())
    assert [type(each) for each in told] == [LookupError, str]
    with monkeypatch.context() as patched:
        patched.setattr(desk_module, "pack", lambda _: 1 / 0)
        told = asyncio.run(run())
    assert [type(each) for each in told] == [ZeroDivisionError] * 2
