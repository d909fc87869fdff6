"""What callers over HTTP must not notice, or must be told."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random

from tests.chaos.calls import calling
from tests.chaos.faults.fault import Fault
from tests.chaos.lineup import QUEUE_LIMIT
from tests.chaos.load import ACCOUNTS
from tests.chaos.waiting import last
from tests.chaos.world import World
from trueup.producer.publish import Publisher, QueueFull
from trueup.producer.signer import Signer
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.wire.message.names import QUEUE_SINGLE
from trueup.wire.message.packing import pack

_CALLERS = 4
_ENVELOPE_REQUESTS = 3  # of what is too much: many small envelopes
_ENVELOPES_AT_ONCE = 50
_TOO_MUCH = 10  # times the capacity
_PAUSE_S = 0.02
_SLOW_S = 60.0
_BYTES_MAX = 300 * 1024 * 1024  # of a process, whatever comes


def roll_out(world: World, rng: Random) -> str:
    """Workers and gateways are replaced one after the other, as a deploy does; no caller sees an error."""
    names = [*world.lineup.gateway_names, *world.lineup.commit_workers]
    names = [name for name in rng.sample(names, len(names)) if not world.is_frozen(name)]
    with calling(world, callers=_CALLERS) as calls:
        for name in names:
            world.replace(name)
    assert not calls.errors, f"of {calls.statuses.total()} callers {len(calls.errors)} saw an error: {calls.errors[:5]}"
    return f"{len(names)} processes, {calls.taken} calls answered"


def overload(world: World, rng: Random) -> str:
    """Ten times as much is sent as is worked off: senders and callers are told to come later, and no process grows."""
    sent = _Sent()
    with calling(world, callers=_CALLERS) as calls, ExitStack() as stack:
        publishers = {name: stack.enter_context(_publisher(world, name)) for name in ACCOUNTS}
        began_s, first = time.monotonic(), world.backlog()
        while _goes_on(sent, world.scale.overload_s, past_s=time.monotonic() - began_s):
            name = rng.choice(ACCOUNTS)
            _offer(world, rng, name, publishers[name], sent)
            sent.worked_off = max(0, sent.taken - (world.backlog() - first))
    _assert_small(world)
    assert sent.taken < sent.offered, f"all of {sent.offered} envelopes were taken"
    assert not calls.errors, f"callers saw {calls.errors[:5]}"
    return f"{sent}; {calls.taken} calls answered, {calls.pushed_back} told to come later"


@dataclass(slots=True)
class _Sent:
    """Envelopes that were offered, that were taken, and that were worked off meanwhile."""

    offered: int = 0
    taken: int = 0
    worked_off: int = 0

    def __str__(self) -> str:
        return f"{self.offered} envelopes offered, {self.taken} taken, {self.worked_off} worked off"


def _goes_on(sent: _Sent, seconds: float, *, past_s: float) -> bool:
    """For so long, and on a slow machine until it was too much."""
    is_too_much = sent.taken < sent.offered and sent.offered >= _TOO_MUCH * sent.worked_off
    return past_s < seconds or (not is_too_much and past_s < seconds + _SLOW_S)


def _publisher(world: World, name: str) -> Publisher:
    signer = Signer.of_token(world.accounts[name].token)
    return Publisher(world.broker_url, account=name, signer=signer, queue_limit=QUEUE_LIMIT, room_wait_s=0)


def _offer(world: World, rng: Random, name: str, publisher: Publisher, sent: _Sent) -> None:
    sent.offered += _ENVELOPES_AT_ONCE
    try:
        publisher.wait_for_room(QUEUE_SINGLE)
    except QueueFull:
        last(_PAUSE_S)
    else:
        sent.taken += _send(world, rng, name, publisher)


def _send(world: World, rng: Random, name: str, publisher: Publisher) -> int:
    """Accepts and publishes envelopes, as a producer with a database does; returns how many."""
    meta = publisher.meta()
    drawn = world.book.draw(rng, name, _ENVELOPES_AT_ONCE * _ENVELOPE_REQUESTS)
    requests = [each.queued() for each in drawn]
    slices = (requests[first : first + _ENVELOPE_REQUESTS] for first in range(0, len(requests), _ENVELOPE_REQUESTS))
    packs = [packed for some in slices for packed in pack(some)]
    kept = [Kept(meta, each.text, QUEUE_SINGLE, len(each.requests), each.span) for each in packs]
    with world.engine.begin() as connection:
        accept(connection, world.accounts[name].account_id, kept, lease_s=world.lineup.lease_s)
    for each in kept:
        publisher.publish(each.meta, each.requests, queue=QUEUE_SINGLE)
    return len(kept)


def _assert_small(world: World) -> None:
    for name in world.lineup.names:
        size = world.memory_bytes(name)
        assert size < _BYTES_MAX, f"{name} has {size:,} bytes"


KINDS: tuple[Fault, ...] = (
    roll_out,
    overload,
)
