"""A producer that is interrupted while it sends for others leaves nobody waiting."""

from concurrent.futures import Future

import pytest

from trueup.ids import new_id_text
from trueup.producer import client as client_module
from trueup.producer.client import CommitProducer, _Waiting
from trueup.producer.publish import BrokerUnavailable
from trueup.wire.envelope import QueuedRequest


def test_whoever_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt may come before anything was sent."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    producer = CommitProducer(broker_url="redis://unused:1/0", token=None, account="acme")
    waiting = [_Waiting(QueuedRequest(new_id_text(), "commit", None, "{}"), None) for _ in range(2)]
    producer._waiting += waiting
    monkeypatch.setattr(client_module, "defaultdict", interrupt)
    with pytest.raises(KeyboardInterrupt):
        producer._send_waiting()
    sent: list[Future[None]] = [each.sent for each in waiting]
    assert [type(each.exception(timeout=1)) for each in sent] == [BrokerUnavailable] * 2
    producer.close()
