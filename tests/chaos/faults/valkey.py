"""Valkey ends, forgets, or stands still."""

import signal
from random import Random

from kombu.transport.redis import Channel

from tests.chaos.faults.fault import Fault
from tests.chaos.waiting import last
from tests.chaos.world import World
from tests.integration.intake import settings_of
from trueup_worker.celery.config import celery_config

_STILL_S = (2.0, 2.0, 12.0)  # the last is longer than the time-outs of those who wait for it


def flush_valkey(world: World, _: Random) -> str:
    """FLUSHALL: the queue and the cache are empty."""
    waiting = world.backlog()
    world.broker.flushall()
    world.broker_forgot = True
    return f"{waiting} envelopes forgotten"


def restart_valkey(world: World, _: Random) -> str:
    """Valkey ends cleanly and comes back."""
    return world.restart("Valkey", signal.SIGTERM)


def kill_valkey(world: World, _: Random) -> str:
    """Valkey is killed and comes back with what its log has."""
    return world.restart("Valkey", signal.SIGKILL)


def freeze_valkey(world: World, rng: Random) -> str:
    """SIGSTOP for Valkey: connections are open, and nothing is answered, until it goes on."""
    seconds = rng.choice(_STILL_S)
    with world.service_standing_still("Valkey"):
        last(seconds)
    return f"for {seconds:.0f} s"


def die_holding_restore_lock(world: World, rng: Random) -> str:
    """SIGKILL for a worker at the moment when it holds the lock under which unacknowledged messages are restored."""
    options = celery_config(settings_of())["broker_transport_options"]
    held_s = options.get("unacked_mutex_expire", Channel.unacked_mutex_expire)
    world.broker.lock(Channel.unacked_mutex_key, timeout=held_s).acquire(blocking=False)
    name = rng.choice(world.lineup.commit_workers)
    world.kill(name)
    return f"{name}, for {held_s} s"


KINDS: tuple[Fault, ...] = (
    flush_valkey,
    restart_valkey,
    kill_valkey,
    freeze_valkey,
    die_holding_restore_lock,
)
