"""The age of the oldest message on a queue, as the scheduler tells it."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.messages import bomb, bombs
from trueup.broker.broker import open_broker
from trueup.producer.publish import Publisher
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import QUEUE_SINGLE
from trueup.wire.message.packing import pack
from trueup_worker.celery.age import sent_at

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = datetime(2026, 1, 2, tzinfo=UTC)


def test_the_oldest_is_the_next(redis_url: str) -> None:
    """It says when it was sent; an empty queue has none."""
    with closing(open_broker(redis_url)) as broker:
        assert broker.oldest(QUEUE_SINGLE) is None
        for at in (FIRST, SECOND):
            with Publisher(redis_url, account="acme", signer=None, clock=lambda at=at: at) as publisher:
                (packed,) = pack([QueuedRequest("01a227d3-65fa-77c8-bc84-8c36eb841b91", "commit", None, "{}")])
                publisher.send(packed)
        element = broker.oldest(QUEUE_SINGLE)
    assert element is not None
    assert sent_at(element, queue=QUEUE_SINGLE) == FIRST


@pytest.mark.parametrize("element", [b"", b"{}", b"\xb5", b"[" * 100_000, b'{"body": "", "headers": {}}'])
def test_what_is_no_message_has_no_age(element: bytes) -> None:
    """It is parked by whoever takes it."""
    assert sent_at(element, queue=QUEUE_SINGLE) is None


def test_a_body_that_unfolds_is_not_unfolded(redis_url: str) -> None:
    """The bounds of a worker hold here, too."""
    with closing(open_broker(redis_url)) as broker:
        made = json.loads(broker.message("commits.create", ["{}", "[]"], queue=QUEUE_SINGLE, headers={}))
    for name, body in bombs(megabytes=50):
        assert sent_at(json.dumps(bomb(made, name, body)).encode(), queue=QUEUE_SINGLE) is None
