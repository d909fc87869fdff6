"""What gives events their places dies, and meets another that does, while writers commit out of order."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Self
from uuid import UUID

from sqlalchemy import Connection, text

from tests.chaos.faults.fault import Fault
from tests.chaos.load import ACCOUNTS
from tests.chaos.proxy import Ambush
from tests.chaos.waiting import last, wait_for
from tests.chaos.world import World
from trueup.ids import new_id
from trueup.store.events.outbox import announce
from trueup.store.postgres.engine import make_engine

_WRITERS = 4
_KILLS = 4
_STEPS = 80
_PAUSE_S = 0.03
_ROLLED_BACK = 0.15  # of transactions
_EVENTS_MAX = 4  # of one row
_BEGIN_SECONDS_MAX = 30.0


def kill_relay(world: World, rng: Random) -> str:
    """SIGKILL for schedulers at their COMMITs, those that give places among them, while writers commit out of order."""
    doors = frozenset(world.lineup.scheduler_names)
    ambushes = [Ambush(doors, reaches=rng.random() < 0.5, meanwhile=world.kill) for _ in range(_KILLS)]
    with _Writers(world, rng) as writers:
        for ambush in ambushes:
            world.proxy.lie_in_wait(ambush)
        writers.go_on()
        world.proxy.give_up()
    return f"{sum(each.happened.is_set() for each in ambushes)} of {_KILLS}, {writers}"


def let_relays_meet(world: World, rng: Random) -> str:
    """Whoever gives places is held up until all the others have come, while writers commit out of order."""
    [account_id, *_] = [world.accounts[name].account_id for name in ACCOUNTS]
    held = "SELECT FROM feed WHERE account_id = :a FOR UPDATE"
    with _Writers(world, rng) as writers, world.superuser() as connection:
        writers.go_on()
        wait_for(lambda: bool(world.rows(held, a=account_id)), what="a place", seconds_max=_BEGIN_SECONDS_MAX)
        connection.execute(text("BEGIN"))
        connection.execute(text(held), {"a": account_id})
        writers.go_on()
        connection.execute(text("COMMIT"))
    return str(writers)


KINDS: tuple[Fault, ...] = (kill_relay, let_relays_meet)


@dataclass
class _Writer:
    """A connection, with what was written in its transaction, and one of those that had committed when it began."""

    connection: Connection
    written: list[UUID] = field(default_factory=list)
    before: UUID | None = None


class _Writers:
    """Transactions that overlap, of the first account; in use as a context manager, which ends them."""

    def __init__(self, world: World, rng: Random) -> None:
        self._world, self._rng, self._stack = world, rng, ExitStack()
        self._account_id = world.accounts[ACCOUNTS[0]].account_id
        self._last: UUID | None = None
        self.events = 0

    def __enter__(self) -> Self:
        url = self._world.engine.url.render_as_string(hide_password=False)
        engine = make_engine(url, pool_size=_WRITERS)
        self._stack.callback(engine.dispose)
        self._writers = [_Writer(self._stack.enter_context(engine.connect())) for _ in range(_WRITERS)]
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers:
            self._end(writer)
        self._stack.close()

    def __str__(self) -> str:
        return f"{self.events} events written"

    def go_on(self) -> None:
        """Some steps: a transaction begins, writes more, or ends, whichever began first."""
        for _ in range(_STEPS):
            writer = self._rng.choice(self._writers)
            if writer.written and self._rng.random() < 0.5:
                self._end(writer)
            else:
                self._write(writer)
            last(_PAUSE_S)

    def _write(self, writer: _Writer) -> None:
        if not writer.written:
            writer.before = self._last
        ids = [new_id() for _ in range(self._rng.randint(1, _EVENTS_MAX))]
        announce(writer.connection, self._account_id, "commit.edited", ids)
        writer.written += ids

    def _end(self, writer: _Writer) -> None:
        if self._rng.random() < _ROLLED_BACK:
            writer.connection.rollback()
        else:
            writer.connection.commit()
            if writer.written:
                self._note(writer)
        writer.written = []

    def _note(self, writer: _Writer) -> None:
        """That it stands behind what had committed when it began."""
        if writer.before:
            self._world.feed.behind += [(writer.before, each) for each in writer.written]
        self._last = writer.written[-1]
        self.events += len(writer.written)
