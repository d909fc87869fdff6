"""The application that webhooks are sent to dies, refuses, hangs and is down; and so do the workers that send to it.

Not among the other kinds: a world need not have such an application.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.lineup import RECEIVER, WEBHOOK_LEASE_S, WEBHOOK_SECONDS_MAX
from tests.chaos.load import ACCOUNTS
from tests.chaos.receiving import Folder
from tests.chaos.waiting import last, wait_for
from tests.chaos.world import START_SECONDS_MAX, World
from trueup_worker.commit_changes.edit import EditSettings, edit_commit

_SECONDS = (3.0, 6.0, 12.0)
_KILLS = 4
_CHANGED, _CHANGES, _PAUSE_S = 10, 10, 0.7  # slower than events get their places: each has a state of its own


@contextmanager
def behaving(world: World, how: str) -> Iterator[None]:
    """The receiver does with everything that comes as is said."""
    folder = Folder(world.folder.path)
    folder.behaviour = how
    try:
        yield
    finally:
        folder.behaviour = "well"


def kill_receiver(world: World, rng: Random) -> str:
    """SIGKILL, whenever it is there again, with whatever it has in hand."""
    for _ in range(_KILLS):
        world.kill(RECEIVER)
        last(rng.uniform(0.1, 1.0))
    return f"{_KILLS} times"


def receiver_is_down(world: World, rng: Random) -> str:
    """It is killed, and does not listen for a while."""
    return _for_a_while(world, rng, "away", kills=True)


def receiver_refuses(world: World, rng: Random) -> str:
    """It answers 500 for a while."""
    return _for_a_while(world, rng, "refuses")


def receiver_refuses_some(world: World, rng: Random) -> str:
    """It refuses every other delivery, and keeps some of them: others overtake them."""
    return _for_a_while(world, rng, "refuses some")


def overtake(world: World, rng: Random) -> str:
    """It refuses every other delivery while commits are changed over and over: later states arrive before earlier."""
    account_id, query = world.accounts[ACCOUNTS[0]].account_id, "SELECT id FROM commit WHERE account_id = :a LIMIT 10"
    wait_for(lambda: len(world.rows(query, a=account_id)) == _CHANGED, what="commits", seconds_max=START_SECONDS_MAX)
    ids, first = [each.id for each in world.rows(query, a=account_id)], rng.randint(1, 1_000)
    with behaving(world, "refuses some"):
        for turn in range(_CHANGES):
            for commit_id in ids:
                with world.engine.begin() as connection:
                    edit_commit(
                        connection,
                        account_id=account_id,
                        commit_id=commit_id,
                        change={"priority": Decimal(first + turn)},
                        actor="chaos",
                        settings=EditSettings(usage_grace_h=24),
                    )
            last(_PAUSE_S)
    return f"{_CHANGED} commits, {_CHANGES} times"


def receiver_hangs(world: World, rng: Random) -> str:
    """It takes everything and answers nothing."""
    return _for_a_while(world, rng, "hangs")


def receiver_is_late(world: World, rng: Random) -> str:
    """It keeps what comes, and answers 204 when the time is over: all of it comes again."""
    return _for_a_while(world, rng, "is late")


def kill_senders(world: World, _: Random) -> str:
    """SIGKILL for the workers that send webhooks, while the receiver has their deliveries and has not answered."""
    with behaving(world, "hangs"):
        last(WEBHOOK_SECONDS_MAX / 2)
        for name in world.lineup.senders:
            world.kill(name)
    return " and ".join(world.lineup.senders)


def kill_a_sender(world: World, rng: Random) -> str:
    """SIGKILL for one of them, while it sends."""
    name = rng.choice(world.lineup.senders)
    for _ in range(_KILLS):
        world.kill(name)
        last(rng.uniform(0.1, 2.0))
    return f"{name}, {_KILLS} times"


def stop_senders(world: World, _: Random) -> str:
    """SIGTERM for them, as at a deploy."""
    for name in world.lineup.senders:
        world.send(name, signal.SIGTERM)
    return " and ".join(world.lineup.senders)


def freeze_a_sender(world: World, rng: Random) -> str:
    """SIGSTOP for one of them past every lease; then it goes on with outcomes that count no more."""
    name = rng.choice(world.lineup.senders)
    with world.standing_still([name]):
        last(WEBHOOK_LEASE_S + 2.0)
    return f"{name} for {WEBHOOK_LEASE_S + 2.0:.0f} s"


KINDS: tuple[Fault, ...] = (
    kill_receiver,
    receiver_refuses_some,
    receiver_is_down,
    receiver_is_late,
    receiver_refuses,
    overtake,
    receiver_hangs,
)
OF_SENDERS: tuple[Fault, ...] = (kill_senders, kill_a_sender, freeze_a_sender, stop_senders)


def _for_a_while(world: World, rng: Random, how: str, *, kills: bool = False) -> str:
    seconds = rng.choice(_SECONDS)
    with behaving(world, how):
        if kills:
            world.kill(RECEIVER)
        last(seconds)
    return f"for {seconds:.0f} s"
