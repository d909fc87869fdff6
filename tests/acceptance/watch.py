"""A worker that is watched while it is sent all kinds of messages."""

import json
from collections.abc import Iterable
from pathlib import Path

import redis

from tests.acceptance.processes import Process, wait_for
from tests.integration.intake import Intake
from tests.messages import Change, Message, good_message
from trueup.wire.message.names import QUEUE_SINGLE, QUEUES


class Watch:
    """A worker on every queue, and what becomes of what it is sent."""

    def __init__(self, worker: Process, account: Intake, broker: "redis.Redis") -> None:
        self.worker, self.account, self.broker = worker, account, broker
        self._parked_before = self._parked()

    def message(self, *changes: Change) -> Message:
        """A good message of which something was changed."""
        _, message = self.good()
        for change in changes:
            change(message)
        return message

    def good(self) -> tuple[str, Message]:
        """A good message, and its request's id."""
        return good_message(self.account.account, self.account.token)

    def put(self, element: bytes | Message, *, queue: str = QUEUE_SINGLE) -> None:
        """Puts something on a queue."""
        self.broker.lpush(queue, element if isinstance(element, bytes) else json.dumps(element))

    def send(self, *elements: bytes | Message, queue: str = QUEUE_SINGLE) -> None:
        """Sends these, then a good one, which is decided; nothing is left on the queue or in hand, the worker lives."""
        good, message = self.good()
        for element in (*elements, message):
            self.put(element, queue=queue)
        self.wait_for_created([good])

    def wait_for_created(self, request_ids: Iterable[str]) -> None:
        """Waits until these have their commits and nothing is left anywhere; the worker lives."""
        ids = list(request_ids)
        wait_for(lambda: self.is_dead() or self.count_created(ids) == len(ids), what="the good ones to be decided")
        wait_for(lambda: self.is_dead() or self._is_idle(), what="the queues to be empty")
        assert not self.is_dead(), f"the worker ended with {self.worker.poll()}"

    def is_dead(self) -> bool:
        """Whether the worker has ended."""
        return self.worker.poll() is not None

    def count_created(self, request_ids: Iterable[str]) -> int:
        """How many of these requests have their commits."""
        ids = ", ".join(f"'{each}'" for each in request_ids)
        [(count,)] = self.account.rows(f"SELECT count(*) FROM commit WHERE account_id = :a AND id IN ({ids})")
        return int(count)

    def parked(self) -> int:
        """How many messages were parked that belong to nobody."""
        return self._parked() - self._parked_before

    def latest(self, count: int) -> list[str]:
        """Why the last of them were parked."""
        query = "SELECT reason FROM parked WHERE account_id IS NULL ORDER BY parked_at DESC LIMIT "
        return [row[0] for row in self.account.rows(query + str(count))]

    def peak_mb(self) -> float:
        """The most memory that the worker ever held."""
        status = Path(f"/proc/{self.worker.pid}/status").read_text(encoding="ascii").splitlines()
        [peak] = [row for row in status if row.startswith("VmHWM")]
        return int(peak.split()[1]) / 1024

    def _parked(self) -> int:
        return int(self.account.rows("SELECT count(*) FROM parked WHERE account_id IS NULL")[0][0])

    def _is_idle(self) -> bool:
        left = sum(self.broker.llen(queue) for queue in QUEUES) + self.broker.hlen("unacked")
        return not left and not self.broker.keys("trueup:taken:*")
