"""The feed under writers that commit out of order, relays that die and a reader that pages at any moment."""

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import RootTransaction

from trueup.clock import utc_now
from trueup.ids import new_id, new_id_text
from trueup.store.accounts.accounts import create_account
from trueup.store.events.event import Event
from trueup.store.events.outbox import announce
from trueup.store.events.read import read_feed
from trueup.store.events.relay import place

WRITERS = 3
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, WRITERS - 1), st.integers(1, 4)),
        st.tuples(st.sampled_from(["commit", "roll back"]), st.integers(0, WRITERS - 1), st.just(0)),
        st.tuples(st.sampled_from(["place", "place and die"]), st.just(0), st.integers(1, 3)),
        st.tuples(st.just("read"), st.just(0), st.integers(1, 5)),
    ),
    max_size=40,
)


class Killed(Exception):
    """A relay ends where it is."""


@dataclass
class Writer:
    """A connection with the transaction that it has open, and what was written in it."""

    connection: Connection
    begun: RootTransaction | None = None
    written: list[UUID] = field(default_factory=list)


class World:
    """An account with its writers, and a reader who keeps a cursor."""

    def __init__(self, engine: Engine, stack: ExitStack) -> None:
        self.engine = engine
        with engine.begin() as connection:
            self.account = create_account(connection, new_id_text(), now=utc_now()).id
        self.writers = [Writer(stack.enter_context(engine.connect())) for _ in range(WRITERS)]
        self.committed: list[UUID] = []
        self.seen: dict[UUID, frozenset[UUID]] = {}
        self.read: list[Event] = []
        self.cursor: int | None = None

    def do(self, action: str, who: int, number: int) -> None:
        """One step of the story."""
        writer = self.writers[who]
        if action == "write":
            writer.begun = writer.begun or writer.connection.begin()
            ids = [new_id() for _ in range(number)]
            announce(writer.connection, self.account, "commit.edited", ids)
            self.seen |= dict.fromkeys(ids, frozenset(self.committed))
            writer.written += ids
        elif action in {"commit", "roll back"} and writer.begun:
            if action == "commit":
                writer.begun.commit()
                self.committed += writer.written
            else:
                writer.begun.rollback()
            writer.begun, writer.written = None, []
        elif action == "place":
            self.place(number)
        elif action == "place and die":
            with suppress(Killed), self.engine.begin() as connection:
                place(connection, rows_max=number)
                raise Killed
        elif action == "read":
            self.page(number)

    def place(self, rows_max: int) -> bool:
        """The relay's transaction; whether it placed anything."""
        with self.engine.begin() as connection:
            return bool(place(connection, rows_max=rows_max))

    def page(self, limit: int) -> bool:
        """The reader's next page; whether there is more."""
        with self.engine.begin() as connection:
            page = read_feed(connection, self.account, after=self.cursor, limit=limit)
        self.read += page.events
        self.cursor = page.cursor
        return page.has_more

    def again(self) -> list[Event]:
        """The whole feed, read at once."""
        with self.engine.begin() as connection:
            return list(read_feed(connection, self.account, limit=1_000).events)


@given(ACTIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_reader_misses_nothing_and_reads_nothing_twice(
    shared_database: Engine, actions: list[tuple[str, int, int]]
) -> None:
    """All that committed, once, under one id, in one order: what was seen when it was written stands before it."""
    with ExitStack() as stack:
        world = World(shared_database, stack)
        for action in actions:
            world.do(*action)
        for who in range(WRITERS):
            world.do("commit", who, 0)
        while world.place(100):
            pass
        while world.page(3):
            pass
        assert world.read == world.again()
        assert [each.position for each in world.read] == list(range(1, len(world.committed) + 1))
        assert sorted(each.subject_id for each in world.read) == sorted(world.committed)
        assert len({each.id for each in world.read}) == len(world.read)
        placed = {each.subject_id: each.position for each in world.read}
        for event, before in world.seen.items():
            assert all(placed[each] < placed[event] for each in before if event in placed)
