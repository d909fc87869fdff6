"""The faults, each by its name. Each does its harm and says, in few words, to whom; none of them repairs anything."""

import json
import signal
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from kombu.transport.redis import Channel

from shared.ids import new_id
from shared.wire.envelope import QUEUE_BULK, QUEUE_SINGLE
from tests.chaos.proxy import Ambush
from tests.chaos.waiting import POLL_S
from tests.chaos.world import World
from tests.integration.intake import settings_of
from worker.config import celery_config
from worker.local.server import Server, wait_until

Fault = Callable[[World, Random], str]

_AMBUSH_SECONDS_MAX = 2.0  # until the COMMITs have come; an idle process makes none
_SHUFFLE = """
local all = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
math.randomseed(ARGV[1])
for i = #all, 2, -1 do
    local j = math.random(i)
    all[i], all[j] = all[j], all[i]
end
for _, message in ipairs(all) do redis.call('RPUSH', KEYS[1], message) end
return #all
"""


def kill_worker(world: World, rng: Random) -> str:
    """SIGKILL for one worker."""
    name = rng.choice(world.lineup.worker_names)
    world.kill(name)
    return name


def kill_all_workers(world: World, _: Random) -> str:
    """SIGKILL for all of them at the same moment."""
    names = world.lineup.worker_names
    for name in names:
        world.kill(name)
    return f"{len(names)} workers"


def stop_worker(world: World, rng: Random) -> str:
    """SIGTERM for a worker in mid-batch."""
    name = rng.choice(world.lineup.commit_workers)
    world.send(name, signal.SIGTERM)
    return name


def kill_worker_before_commit(world: World, rng: Random) -> str:
    """SIGKILL for workers whose COMMIT has not reached Postgres."""
    return _at_commit(world, world.lineup.commit_workers, count=rng.randint(1, 3), meanwhile=world.kill)


def kill_worker_after_commit(world: World, rng: Random) -> str:
    """SIGKILL for workers between COMMIT and ack."""
    return _at_commit(world, world.lineup.commit_workers, count=rng.randint(1, 3), reaches=True, meanwhile=world.kill)


def freeze_worker(world: World, rng: Random) -> str:
    """SIGSTOP for a worker until what it holds was delivered to another, which is when the faults are over."""
    name = rng.choice(world.lineup.commit_workers)
    return f"{name}, {world.freeze(name)} messages unacknowledged"


def kill_scheduler(world: World, rng: Random) -> str:
    """SIGKILL for one scheduler, or for all."""
    names = rng.choice([world.lineup.scheduler_names, world.lineup.scheduler_names[:1]])
    for name in names:
        world.kill(name)
    return " and ".join(names)


def kill_producer(world: World, rng: Random) -> str:
    """SIGKILL for a producer."""
    name = rng.choice(world.lineup.producers)
    world.kill(name)
    return name


def flush_valkey(world: World, _: Random) -> str:
    """FLUSHALL: the queue and the cache are empty."""
    waiting = world.backlog()
    world.broker.flushall()
    world.broker_forgot = True
    return f"{waiting} envelopes forgotten"


def restart_valkey(world: World, _: Random) -> str:
    """Valkey ends cleanly and comes back."""
    return _restart(world, "Valkey", signal.SIGTERM)


def kill_valkey(world: World, _: Random) -> str:
    """Valkey is killed and comes back with what its log has."""
    return _restart(world, "Valkey", signal.SIGKILL)


def kill_valkey_before_ack(world: World, _: Random) -> str:
    """Valkey is away at the moment when a worker that has committed acknowledges."""
    ended: list[Server] = []
    told = _at_commit(
        world,
        world.lineup.worker_names,
        count=1,
        reaches=True,
        is_answered=True,
        meanwhile=lambda _: ended.append(world.end("Valkey", signal.SIGKILL)),
    )
    for server in ended:
        world.wait_until_back("Valkey", server)
    return told


def restart_postgres(world: World, _: Random) -> str:
    """Postgres ends by a fast shutdown and comes back."""
    return _restart(world, "Postgres", signal.SIGINT)


def crash_postgres(world: World, _: Random) -> str:
    """Postgres ends by an immediate shutdown and comes back after crash recovery."""
    return _restart(world, "Postgres", signal.SIGQUIT)


def terminate_backends(world: World, rng: Random) -> str:
    """Half of the connections to Postgres are ended by the server."""
    backends = world.rows(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'trueup' AND pid <> pg_backend_pid() ORDER BY pid"
    )
    chosen = rng.sample(backends, len(backends) // 2)
    for (pid,) in chosen:
        world.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    return f"{len(chosen)} of {len(backends)}"


def lose_commits(world: World, rng: Random) -> str:
    """Connections are cut when COMMIT is on its way to Postgres."""
    return _at_commit(world, world.lineup.names, count=rng.randint(3, 8))


def lose_answers_to_commits(world: World, rng: Random) -> str:
    """Connections are cut when Postgres has committed, and nobody knows."""
    return _at_commit(world, world.lineup.names, count=rng.randint(3, 8), reaches=True)


def deliver_again(world: World, rng: Random) -> str:
    """Messages that wait are put on the queue again, so that each is delivered two to five times."""
    copies = 0
    for queue in (QUEUE_SINGLE, QUEUE_BULK):
        waiting = world.broker.lrange(queue, 0, -1)
        for message in rng.sample(waiting, min(len(waiting), 20)):
            for _ in range(rng.randint(1, 4)):
                rng.choice([world.broker.lpush, world.broker.rpush])(queue, _copy(message))
                copies += 1
    return f"{copies} copies"


def reorder_queue(world: World, rng: Random) -> str:
    """What waits is shuffled."""
    shuffle = world.broker.register_script(_SHUFFLE)
    moved = sum(shuffle(keys=[queue], args=[rng.randrange(2**31)]) for queue in (QUEUE_SINGLE, QUEUE_BULK))
    return f"{moved} envelopes"


def die_holding_restore_lock(world: World, rng: Random) -> str:
    """SIGKILL for a worker at the moment when it holds the lock under which unacknowledged messages are restored."""
    options = celery_config(settings_of())["broker_transport_options"]
    held_s = options.get("unacked_mutex_expire", Channel.unacked_mutex_expire)
    world.broker.lock(Channel.unacked_mutex_key, timeout=held_s).acquire(blocking=False)
    name = rng.choice(world.lineup.commit_workers)
    world.kill(name)
    return f"{name}, for {held_s} s"


FAULTS: tuple[Fault, ...] = (
    kill_worker,
    lose_answers_to_commits,
    flush_valkey,
    restart_postgres,
    kill_worker_before_commit,
    kill_producer,
    freeze_worker,
    reorder_queue,
    kill_valkey,
    terminate_backends,
    kill_all_workers,
    deliver_again,
    crash_postgres,
    kill_worker_after_commit,
    kill_scheduler,
    restart_valkey,
    lose_commits,
    kill_valkey_before_ack,
    die_holding_restore_lock,
    stop_worker,
)


def _restart(world: World, service: str, number: signal.Signals) -> str:
    began_s = time.monotonic()
    world.wait_until_back(service, world.end(service, number))
    return f"away for {time.monotonic() - began_s:.1f} s"


def _at_commit(world: World, doors: Iterable[str], *, count: int, **what: Any) -> str:
    """Lies in wait for so many COMMITs."""
    ambushes = [Ambush(frozenset(doors), **what) for _ in range(count)]
    for ambush in ambushes:
        world.proxy.lie_in_wait(ambush)
    happened = [ambush.happened for ambush in ambushes]
    wait_until(lambda: all(each.is_set() for each in happened), seconds_max=_AMBUSH_SECONDS_MAX, interval_s=POLL_S)
    world.proxy.give_up()
    return f"{sum(each.is_set() for each in happened)} of {count}"


def _copy(message: bytes | str) -> str:
    """The same message as the broker would deliver it a second time: under a delivery tag of its own."""
    copied: dict[str, Any] = json.loads(message)
    copied["properties"]["delivery_tag"] = str(new_id())
    return json.dumps(copied)
