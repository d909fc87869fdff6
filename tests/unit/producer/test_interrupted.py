"""A producer that is interrupted while it sends for others leaves nobody waiting."""

from collections.abc import Callable
from datetime import datetime

import pytest

from trueup.ids import new_id_text
from trueup.producer import coalescer as coalescer_module
from trueup.producer.client import CommitProducer
from trueup.producer.coalescer import Coalescer
from trueup.producer.publish import BrokerUnavailable, QueueFull
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.packing import Pack


def request() -> QueuedRequest:
    """A request of its own id."""
    return QueuedRequest(new_id_text(), "commit", None, "{}")


def counting(sizes: list[int]) -> Callable[[Pack, datetime | None], None]:
    """A send that notes how many requests came together."""
    return lambda packed, _: sizes.append(len(packed.requests))


def test_whoever_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt may come before anything was sent."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    sizes: list[int] = []
    coalescer = Coalescer(counting(sizes))
    sent = [coalescer.add(request(), None) for _ in range(2)]
    monkeypatch.setattr(coalescer_module, "defaultdict", interrupt)
    with pytest.raises(KeyboardInterrupt):
        coalescer.send(sent[0])
    assert [type(each.exception(timeout=1)) for each in sent] == [BrokerUnavailable] * 2
    assert sizes == []
    monkeypatch.undo()
    coalescer.send(coalescer.add(request(), None))
    assert sizes == [1]


def test_what_is_cancelled_before_it_is_sent() -> None:
    """It is not sent, and those beside it are; what was sent already cannot be cancelled."""
    sizes: list[int] = []
    coalescer = Coalescer(counting(sizes))
    sent = [coalescer.add(request(), None) for _ in range(3)]
    assert sent[1].cancel()
    coalescer.send(sent[0])
    assert [each.cancelled() for each in sent] == [False, True, False]
    assert [each.done() for each in sent] == [True] * 3
    assert not sent[0].cancel()
    assert sizes == [2]


def test_who_is_interrupted_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is not sent by whoever comes next."""
    sizes: list[int] = []

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with CommitProducer(broker_url="redis://unused:1/0", token=None, account="acme", validate=False) as producer:
        monkeypatch.setattr(producer, "_send", lambda packed, **_: sizes.append(len(packed.requests)))
        with monkeypatch.context() as while_waiting:
            while_waiting.setattr(producer._coalescer, "send", interrupt)
            with pytest.raises(KeyboardInterrupt):
                producer.submit({})
        producer.submit({})
    assert sizes == [1]


def test_an_error_in_the_middle() -> None:
    """Those whose envelope was sent are told so; for the rest, which was not, the error is raised."""
    sizes: list[int] = []

    def send_one(packed: Pack, _: datetime | None) -> None:
        if sizes:
            raise QueueFull
        sizes.append(len(packed.requests))

    coalescer = Coalescer(send_one)
    sent = [coalescer.add(request(), None) for _ in range(1_200)]
    coalescer.send(sent[-1])
    assert sizes == [500]
    assert [each.exception() is None for each in sent] == [True] * 500 + [False] * 700
