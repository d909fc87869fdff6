"""One round: a backlog, faults while it is being worked, recovery, and a look at everything."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

import redis
from sqlalchemy.exc import DBAPIError

from tests.chaos.brokers import BROKERS
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.faults.valkey import flush_valkey
from tests.chaos.invariants import changes, few, look, snapshot
from tests.chaos.load import Load
from tests.chaos.producing import done_mark
from tests.chaos.waiting import POLL_S, wait_for
from tests.chaos.world import BYSTANDER, Scale, World, open_world
from tests.folders import servers_folder
from trueup.broker.broker import BrokerLost, BrokerRefused
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.names import QUEUE_BULK
from trueup.wire.message.packing import pack
from trueup_worker.local.servers.server import wait_until

ROUNDS_PER_WORLD = 15  # then everything starts anew: a look reads all that there is
ROUNDS_PER_REPLAY = 5
BACKLOG_SECONDS_MAX = 60.0
PROGRESS_SECONDS_MAX = 1.0  # until the next fault, where the last one brought everything to a stop
RECOVERY_SECONDS_MAX = 60.0  # the stated bound, on a busy machine; what it takes is printed
BESIDE_SECONDS_MAX = 120.0  # with a broker that takes its time to come back
FULL_RECOVERY_SECONDS_MAX = 600.0  # where what is to be worked off is of another size
QUIET_POLL_S = 0.2
RANDOM_FAULTS = 1  # of a round, beside the two that its seed stands for, so that consecutive seeds meet every fault


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that happened: what it was, how many envelopes waited, and whom it hit."""

    fault: str
    backlog: int
    told: str

    def __str__(self) -> str:
        return f"{self.fault}, {self.backlog} envelopes waiting: {self.told}"


@dataclass(slots=True)
class Report:
    """What happened in a round.

    Attributes:
        backlog: envelopes that waited when work began.
        counts: outcomes and invoices, of all rounds in this world.
        recovered_s: from the last fault until everything was worked off; None: not within the bound.
    """

    seed: int
    backlog: int = 0
    strikes: list[Strike] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    recovered_s: float | None = None
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        took = "not recovered" if self.recovered_s is None else f"recovered in {self.recovered_s:.1f} s"
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        lines = [f"seed {self.seed}: backlog of {self.backlog} envelopes; {took}; so far {told}"]
        lines += [f"    {strike}" for strike in self.strikes]
        lines += [f"    VIOLATION {violation}" for violation in self.violations]
        return "\n".join(lines)


def run(
    rounds: int,
    *,
    seed: int,
    kinds: Sequence[Fault] = (),
    load: Load | None = None,
    scale: Scale | None = None,
    broker: str = "redis",
) -> list[Report]:
    """Runs rounds, each under the next seed, and prints each.

    Args:
        rounds: how many.
        seed: of the first.
        kinds: the faults of every round, in place of those that its seed stands for.
        load: how much is sent in each.
        scale: how much of what has no end is done.
        broker: redis (the embedded one), sentinel or rabbitmq.

    Raises:
        AssertionError: a promise was broken; the message says how to repeat the round.
    """
    if broker != "redis":
        return _run_beside(rounds, seed=seed, kinds=kinds, load=load, broker=broker)
    reports: list[Report] = []
    patience_s = RECOVERY_SECONDS_MAX if scale is None else FULL_RECOVERY_SECONDS_MAX
    in_each = partial(run_round, faults=kinds or None, load=load, recovery_s_max=patience_s)
    while len(reports) < rounds:
        in_this_world = min(ROUNDS_PER_WORLD, rounds - len(reports))
        with open_world(scale=scale) as world:
            for number in range(1, in_this_world + 1):
                began_s = time.monotonic()
                report = in_each(world, seed + len(reports))
                if number % ROUNDS_PER_REPLAY == 0 or number == in_this_world:
                    report.violations += replay(world, seconds_max=patience_s)
                reports.append(report)
                print(f"round {len(reports)}, {time.monotonic() - began_s:.1f} s, {report}", flush=True)
                assert not report.violations, f"repeat it: python -m tests.chaos --rounds 1 --seed {report.seed}"
    return reports


def _run_beside(rounds: int, *, seed: int, kinds: Sequence[Fault], load: Load | None, broker: str) -> list[Report]:
    """Runs rounds in one world with another broker, where each seed stands for three of the faults that it knows."""
    reports: list[Report] = []
    with servers_folder() as folder, BROKERS[broker](folder) as running, open_world(broker_url=running.url) as world:
        own, others = running.faults[: running.own], running.faults[running.own :]
        for number in range(rounds):
            began_s, rng = time.monotonic(), Random(seed + number)
            chosen = list(kinds) or [own[(seed + number) % len(own)], *rng.choices(others, k=2)]
            report = run_round(world, seed + number, faults=chosen, load=load, recovery_s_max=BESIDE_SECONDS_MAX)
            if number + 1 == rounds:
                report.violations += replay(world, seconds_max=BESIDE_SECONDS_MAX)
            reports.append(report)
            print(f"round {len(reports)}, {time.monotonic() - began_s:.1f} s, {report}", flush=True)
            repeat = f"repeat it: python -m tests.chaos --broker {broker} --rounds 1 --seed {report.seed}"
            assert not report.violations, repeat
    return reports


def faults_of(seed: int) -> list[Fault]:
    """The faults that a seed stands for; the queue is emptied last, or there would be no backlog for the others."""
    rng, place = Random(seed), 2 * seed
    chosen = [FAULTS[place % len(FAULTS)], FAULTS[(place + 1) % len(FAULTS)], *rng.choices(FAULTS, k=RANDOM_FAULTS)]
    return sorted(rng.sample(chosen, len(chosen)), key=lambda fault: fault is flush_valkey)


def run_round(
    world: World,
    seed: int,
    *,
    faults: Sequence[Fault] | None = None,
    load: Load | None = None,
    recovery_s_max: float = RECOVERY_SECONDS_MAX,
) -> Report:
    """Runs one round and reports it."""
    rng, report, load = Random(seed), Report(seed), load or Load()
    world.wait_until_up()
    with world.standing_still(world.lineup.worker_names + world.lineup.scheduler_names):
        _plan(world, rng, kept=load.kept_first, files=load.files_first)
        wait_for(
            lambda: world.backlog() >= load.backlog,
            what=f"a backlog of {load.backlog} envelopes",
            seconds_max=BACKLOG_SECONDS_MAX,
        )
        report.backlog = world.backlog()
    _plan(world, rng, kept=load.kept_more, files=load.files_more)
    _harm(world, rng, report, faults_of(seed) if faults is None else faults)
    _recover(world, report, seconds_max=recovery_s_max)
    _look(world, report)
    return report


def replay(world: World, *, seconds_max: float) -> list[str]:
    """Delivers everything again, in another order and in other envelopes; returns what that changed."""
    with world.engine.connect() as connection:
        before = snapshot(connection)
    for name, account in world.book.accounts.items():
        requests = [planned.queued() for planned in reversed(account.planned.values())]
        signer = Signer.of_token(world.accounts[name].token)
        with Publisher(world.broker_url, account=name, signer=signer) as publisher:
            for packed in pack(requests):
                publisher.send(packed, queue=QUEUE_BULK)
    wait_for(lambda: is_quiet(world), what="a replay", seconds_max=seconds_max)
    with world.engine.connect() as connection:
        return [f"a replay changed {each}" for each in changes(before, snapshot(connection))]


def is_quiet(world: World) -> bool:
    """Whether nothing is left to be done, asked twice: on its way to a worker, a message is seen nowhere."""
    return unfinished(world) is None and unfinished(world) is None


def unfinished(world: World) -> str | None:
    """What is still to be done, in words; None when all is quiet."""
    try:
        left = _left(world)
    except (redis.RedisError, BrokerLost, BrokerRefused, DBAPIError) as error:
        return f"services are away: {type(error).__name__}"
    return ", ".join(f"{count} {what}" for what, count in left.items() if count) or None


def _left(world: World) -> dict[str, int]:
    [(decided, kept, due, unplaced)] = world.rows(
        """
        SELECT (SELECT count(*) FROM commit WHERE account_id <> :bystander)
             + (SELECT count(*) FROM outcome AS o WHERE reason IS DISTINCT FROM 'replayed' AND NOT EXISTS (
                SELECT FROM commit WHERE account_id = o.account_id AND id = o.request_id)),
               (SELECT count(*) FROM intake),
               (SELECT count(*) FROM obligation WHERE state = 'pending' AND due_at <= now()),
               (SELECT count(*) FROM outbox WHERE last_position IS NULL)
        """,
        bystander=world.accounts[BYSTANDER].account_id,
    )
    jobs = world.jobs.glob("*.jsonl")
    return {
        "requests undecided": max(0, len(world.book) - decided),
        "envelopes kept": kept,
        "obligations due": due,
        "events without a place": unplaced,
        "envelopes waiting": world.backlog(),
        "tasks of invoicing waiting": world.queues.count("invoices"),
        "messages unacknowledged": len(world.unacknowledged()),
        "files in work": sum(not done_mark(job).exists() for job in jobs),
        "processes down": 0 if world.is_up() else 1,
        **world.more_left(),
    }


def _plan(world: World, rng: Random, *, kept: int, files: int) -> None:
    for how, rows in (("kept", kept), ("files", files)):
        world.plan(rng, how, rows)


def _harm(world: World, rng: Random, report: Report, faults: Sequence[Fault]) -> None:
    """One fault after the other, each when a further part of the backlog was worked off."""
    for number, fault in enumerate(faults, start=1):
        backlog = _shrunk(world, report.backlog * (1 - number / (len(faults) + 2)))
        try:
            told = fault(world, rng)
        except AssertionError as broken:
            told = "a promise was broken"
            report.violations.append(f"{fault.__name__}: {broken}")
        report.strikes.append(Strike(fault.__name__, backlog, told))
    world.thaw()


def _shrunk(world: World, enough: float) -> int:
    wait_until(lambda: world.backlog() <= enough, seconds_max=PROGRESS_SECONDS_MAX, interval_s=POLL_S)
    return world.backlog()


def _recover(world: World, report: Report, *, seconds_max: float) -> None:
    began_s = time.monotonic()
    if wait_until(lambda: is_quiet(world), seconds_max=seconds_max, interval_s=QUIET_POLL_S):
        report.recovered_s = time.monotonic() - began_s
    else:
        report.violations.append(f"after {seconds_max:.0f} s there are still {unfinished(world)}")


def _look(world: World, report: Report) -> None:
    account_ids = {name: account.account_id for name, account in world.accounts.items()}
    with world.engine.connect() as connection:
        violations, report.counts = look(connection, world.book, account_ids, broker_forgot=world.broker_forgot)
        bystander = snapshot(connection, account_ids[BYSTANDER])
    report.violations += violations + few("feed", world.feed.violations())
    report.violations += [f"{BYSTANDER}: {each}" for each in changes(world.bystander, bystander)]
