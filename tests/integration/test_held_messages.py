"""What a worker holds comes back as it was, to where it was, whoever held it and whatever it is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import kombu
import pytest
import redis

from tests.messages import good_message
from trueup_worker.celery.transport import change_transport


@pytest.fixture(autouse=True, scope="module")
def changed() -> None:
    """As in every worker."""
    change_transport()


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    """The broker."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def channel(redis_url: str) -> Iterator[Any]:
    """A worker's channel, on which every message is held."""
    options = {"visibility_timeout": 0, "unacked_restore_throttle": 1}
    with kombu.Connection(redis_url, transport_options=options) as connection:
        opened: Any = connection.channel()
        yield opened
        opened.qos._on_collect.cancel()  # nothing is given back when it is closed
        opened._qos = None


def message() -> bytes:
    """A message as it lies on the queue."""
    return json.dumps(good_message("acme", "tu_1_" + "0" * 64)[1]).encode()


def take(channel: Any, queue: str = "commits") -> list[Any]:
    """Takes what lies next on a queue."""
    taken: list[Any] = []
    channel.basic_consume(queue, no_ack=False, callback=taken.append, consumer_tag=queue)
    channel.connection.client.drain_events(timeout=10)
    return taken


def test_it_comes_back_unchanged(channel: Any, broker: redis.Redis) -> None:
    """To the byte, to the queue it was taken from, wherever its sender says that it belongs."""
    element = message().replace(b'"routing_key": "commits"', b'"routing_key": "elsewhere"')
    broker.lpush("commits.bulk", element)
    [taken] = take(channel, "commits.bulk")
    assert (broker.llen("commits.bulk"), taken.deliveries) == (0, 1)
    channel.qos.restore_visible()
    assert broker.lrange("commits.bulk", 0, -1) == [element]
    assert not broker.exists("unacked", "unacked_index")
    assert take(channel, "commits.bulk")[0].deliveries == 2


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_nothing_is_noted_of_what_its_worker_survived(channel: Any, broker: redis.Redis, end: str) -> None:
    """Acknowledged, dropped or given back."""
    broker.lpush("commits", message())
    [taken] = take(channel)
    assert broker.keys("trueup:taken:*")
    getattr(taken, end)()
    assert not broker.keys("trueup:taken:*")
    assert broker.llen("commits") == (1 if end == "requeue" else 0)


def test_a_worker_that_stops_gives_everything_back(channel: Any, broker: redis.Redis) -> None:
    """And nothing is noted of it."""
    broker.lpush("commits", message(), message())
    channel.qos.prefetch_count = 2
    held = [*take(channel), *take(channel)]
    assert len(held) == 2
    channel.qos.restore_unacked()
    assert (broker.llen("commits"), broker.keys("trueup:taken:*")) == (2, [])


def test_two_messages_with_one_delivery_tag(channel: Any, broker: redis.Redis) -> None:
    """A tag is the sender's business: acknowledging one message does not acknowledge the other."""
    broker.lpush("commits", *(re.sub(rb'"delivery_tag": "[^"]*"', b'"delivery_tag": "1"', message()) for _ in range(2)))
    channel.qos.prefetch_count = 2
    [first, second] = [*take(channel), *take(channel)]
    first.ack()
    assert broker.hkeys("unacked") == [second.delivery_tag.encode()]


def test_what_could_not_be_held_is_given_back_all_the_same(channel: Any, broker: redis.Redis) -> None:
    """A full broker holds nothing; once there is room, what a worker gives back is there."""
    element = message()
    broker.lpush("usage", element)
    broker.config_set("maxmemory", 1)
    try:
        [taken] = take(channel, "usage")
    finally:
        broker.config_set("maxmemory", 0)
    assert not broker.exists("unacked")
    taken.requeue()
    assert broker.lrange("usage", 0, -1) == [element]


OLD = '[{"body": "x", "headers": null, "properties": 1}, "odd", "%s"]'


@pytest.mark.parametrize(
    ("held", "queue"),
    [
        ("no json", "commits"),
        ("[]", "commits"),
        ("[" * 100_000, "commits"),
        ('[1, 2, "usage"]', "commits"),
        (OLD % "usage", "usage"),
        (OLD % "nowhere", "commits"),
    ],
)
def test_what_another_left_is_not_lost(channel: Any, broker: redis.Redis, held: str, queue: str) -> None:
    """What was held by another release, or is not what anybody held, goes to a queue of ours, where it is parked."""
    broker.hset("unacked", "tag", held)
    broker.zadd("unacked_index", {"tag": 0})
    channel.qos.restore_visible()
    assert broker.llen(queue) == 1
    assert not broker.exists("unacked", "unacked_index")


def test_a_message_of_ours_is_held_so_that_another_release_gives_it_back(channel: Any, broker: redis.Redis) -> None:
    """As kombu holds it: the message, its exchange and its routing key, in JSON."""
    element = message()
    broker.lpush("usage", element)
    take(channel, "usage")
    [held] = broker.hvals("unacked")
    assert json.loads(held) == [json.loads(element), "", "usage"]
