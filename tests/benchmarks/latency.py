"""How long a single request takes from its caller's intention to its reply, while others fill half of the capacity.

Open loop: envelopes of 500 go on the bulk queue at a fixed pace, whatever becomes of them, and single requests are
submitted at instants drawn beforehand. A request's latency counts from that instant, so that a submission that had to
wait is charged for it, to the arrival of the worker's reply, which follows the commit. Each of them is *kept*: written
to `intake` before it is sent.
"""

import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from statistics import quantiles
from typing import Self
from uuid import UUID

import redis

from tests.benchmarks.environment import Environment, Tenant
from tests.benchmarks.workload import Request, Workload
from trueup.ids import new_id
from trueup.producer.client import CommitProducer
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import DONE_CHANNEL, QUEUE_BULK
from trueup.wire.message.packing import Pack, pack

PROBES_PER_S = 20.0
CALLERS = 16  # threads
_REPLY_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Of single requests, in milliseconds, beside a load of so many requests per second."""

    load_per_s: float
    sent_per_s: float
    probes: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def measure_latency(
    environment: Environment, tenant: Tenant, workload: Workload, *, load_per_s: float, seconds: float
) -> Latency:
    """Runs the load for so many seconds, and the probes beside it."""
    packs = list(pack(map(_queued, workload.requests(int(load_per_s * seconds)))))
    probes = [each for each in workload.requests(int(PROBES_PER_S * seconds * 1.2)) if each.fate == "created"]
    probes = probes[: int(PROBES_PER_S * seconds)]
    load = _Load(environment, tenant, packs, seconds=seconds)
    with _Replies(environment, tenant) as replies:
        load.start()
        began_s = _submit(environment, tenant, probes, seconds=seconds)
        load.join()
        taken_ms = [1_000 * (at_s - began_s[each]) for each, at_s in replies.of(began_s).items()]
    cuts = quantiles(taken_ms, n=100)
    sent_per_s = load.sent / load.took_s
    return Latency(load_per_s, sent_per_s, len(taken_ms), cuts[49], cuts[98], max(taken_ms))


def _queued(request: Request) -> QueuedRequest:
    return QueuedRequest(str(new_id()), "commit", None, request.text)


def _submit(
    environment: Environment, tenant: Tenant, probes: Sequence[Request], *, seconds: float
) -> dict[UUID, float]:
    """Submits each at its instant, from threads that share a producer; returns the instants by id."""
    draw = Random(len(probes))
    instants = sorted(draw.uniform(0, seconds) for _ in probes)
    state = environment.state
    with (
        CommitProducer(
            broker_url=state.broker,
            token=tenant.token,
            account=tenant.name,
            database_url=state.database,
            redis_url=state.redis,
        ) as producer,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        began_s = time.perf_counter()
        submitted = []
        for probe, instant in zip(probes, instants, strict=True):
            time.sleep(max(0.0, began_s + instant - time.perf_counter()))
            submitted.append((callers.submit(producer.submit, probe.text), began_s + instant))
        return {each.result(): intended_s for each, intended_s in submitted}


class _Load(threading.Thread):
    """Sends the envelopes at an even pace."""

    def __init__(self, environment: Environment, tenant: Tenant, packs: Sequence[Pack], *, seconds: float) -> None:
        super().__init__(daemon=True)
        signer = Signer.of_token(tenant.token)
        self._publisher = Publisher(environment.state.broker, account=tenant.name, signer=signer)
        self._packs, self._pause_s = packs, seconds / len(packs)
        self.sent, self.took_s = 0, 0.0

    def run(self) -> None:
        began_s = time.perf_counter()
        with self._publisher:
            for turn, each in enumerate(self._packs):
                time.sleep(max(0.0, began_s + turn * self._pause_s - time.perf_counter()))
                self._publisher.send(each, queue=QUEUE_BULK)
                self.sent += len(each.requests)
        time.sleep(max(0.0, began_s + len(self._packs) * self._pause_s - time.perf_counter()))
        self.took_s = time.perf_counter() - began_s


class _Replies(threading.Thread):
    """Notes when which reply arrived."""

    def __init__(self, environment: Environment, tenant: Tenant) -> None:
        super().__init__(daemon=True)
        self._client = redis.Redis.from_url(environment.state.redis)
        self._subscription = self._client.pubsub()
        self._subscription.subscribe(DONE_CHANNEL.format(account=tenant.name))
        self._arrived_s: dict[UUID, float] = {}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            message = self._subscription.get_message(ignore_subscribe_messages=True, timeout=0.5)
            if message is not None:
                now_s = time.perf_counter()
                self._arrived_s |= {UUID(each): now_s for each in message["data"].decode().split(",")}

    def of(self, ids: Collection[UUID]) -> dict[UUID, float]:
        """The instants of these replies, once all have arrived."""
        deadline_s = time.perf_counter() + _REPLY_SECONDS_MAX
        while not all(each in self._arrived_s for each in ids):
            if time.perf_counter() > deadline_s:
                raise TimeoutError("a reply did not arrive")
            time.sleep(0.01)
        return {each: self._arrived_s[each] for each in ids}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._subscription.close()
        self._client.close()
