"""A Redis broker: a message is put on its list in one command, whose reply tells the backlog.

It takes 100 µs for a single request, where Celery, which asks for the backlog first, takes 850.
"""

from base64 import b64encode
from datetime import datetime
from typing import Any

import orjson
from redis import RedisError, ResponseError

from trueup.ids import new_id_text
from trueup.producer.brokers.broker import TIMEOUTS, BrokerLost, BrokerRefused
from trueup.producer.brokers.compression import COMPRESSION, compressed
from trueup.producer.signer import Signer
from trueup.redis.connection import Command, RedisConnection
from trueup.wire.message.queues import task_on

_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")  # Celery has a list for each


class RedisBroker:
    """Connections to a Redis broker whose URL says no more than where it is."""

    def __init__(self, url: str) -> None:
        self._connection = RedisConnection.to(url, **TIMEOUTS)

    def message(self, meta: str, requests: str, *, queue: str, signer: Signer | None, at: datetime) -> bytes:
        """Message as of `Broker.message`."""
        return redis_message(meta, requests, queue=queue, signer=signer, at=at)

    def put(self, message: bytes, *, queue: str) -> int:
        """Put as `Broker.put`."""
        [waiting] = self._ask(("LPUSH", queue, message))
        return int(waiting)

    def count(self, queue: str) -> int:
        """Count as `Broker.count`."""
        return sum(self._ask(*(("LLEN", queue + priority) for priority in _PRIORITIES)))

    def close(self) -> None:
        """Close as `Broker.close`."""
        self._connection.close()

    def _ask(self, *commands: Command) -> list[Any]:
        try:
            return self._connection.ask(*commands)
        except ResponseError as error:
            raise BrokerRefused(str(error)) from error
        except RedisError as error:
            raise BrokerLost(str(error)) from error


def redis_message(meta: str, requests: str, *, queue: str, signer: Signer | None, at: datetime) -> bytes:
    """An envelope as it lies in a Redis list, put there without Celery: the form of `wire/README.md`, packed."""
    task, message_id = task_on(queue), new_id_text()
    headers = {
        "lang": "py",
        "task": task,
        "id": message_id,
        "root_id": message_id,
        "eta": None,
        "expires": None,
        "compression": COMPRESSION,
    }
    return orjson.dumps(
        {
            "body": b64encode(compressed([[meta, requests], {}, {}])).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": headers | (signer.headers(meta, requests, at=at, task=task) if signer else {}),
            "properties": {
                "correlation_id": message_id,
                "body_encoding": "base64",
                "delivery_mode": 2,
                "delivery_tag": new_id_text(),
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
            },
        }
    )
