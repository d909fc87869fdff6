"""A commitment is charged once, also where two things are done to its customer at the same moment."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

import pytest
from sqlalchemy import Connection, Engine, event, text

from tests.property.life import HOURS, SCOPES, Life, tried

WAITING = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
WINDOWS = [(0, 1), (0, 2), (0, 3), (1, 3), (0, 4), (4, 5)]  # places in `BOUNDS`
Deed = Callable[[Life, Random], Callable[[], None]]


def promise(life: Life, chance: Random) -> Callable[[], None]:
    """One more commit."""
    kind = chance.choice(["POSTPAID", "POSTPAID", "PREPAID"])
    terms = {"window": chance.choice(WINDOWS), "priority": chance.randint(1, 3), "scope": chance.choice([0, 0, 1, 2])}
    amount, rate = chance.choice([40, 100, 250]), chance.choice(["LIST_RATE", "COMMIT_RATE"])
    return lambda: life.promise(kind, amount, rate=rate, **terms)


def use(life: Life, chance: Random) -> Callable[[], None]:
    """Usage of January more often than not."""
    hour, quantity = chance.choice([0, 0, chance.randrange(HOURS)]), chance.choice([5, 15, 50, 80])
    contract, product = chance.choice([0, 0, 1, 2]), chance.randint(0, 1)
    return lambda: life.use(hour, quantity, contract=contract, product=product, discount=chance.random() < 0.3)


def close(life: Life, chance: Random) -> Callable[[], None]:
    """A month passes, or two."""
    days = chance.choice([33, 33, 62])
    return lambda: life.close(days)


def correct(life: Life, chance: Random) -> Callable[[], None]:
    """Months are put right."""
    month = chance.randint(0, 1)
    return lambda: life.correct(month, dry_run=False)


def chosen(name: str, *figures: int) -> Deed:
    """Something that is done to one of several things, with one of these figures."""

    def deed(life: Life, chance: Random) -> Callable[[], None]:
        choice = chance.randrange(8)
        given = [chance.choice(figures)] if figures else []
        return lambda: getattr(life, name)(choice, *given)

    return deed


def move_access(life: Life, chance: Random) -> Callable[[], None]:
    """Access moves."""
    choice, window = chance.randrange(8), chance.choice(WINDOWS)
    return lambda: life.move_access(choice, window)


def end(life: Life, chance: Random) -> Callable[[], None]:
    """Access or invoicing ends."""
    choice, bound, invoices = chance.randrange(8), chance.randrange(6), chance.random() < 0.5
    return lambda: life.end(choice, bound, invoices=invoices)


DEEDS: tuple[Deed, ...] = (
    promise,
    use,
    use,
    close,
    close,
    correct,
    move_access,
    chosen("void"),
    chosen("void"),
    chosen("regenerate"),
    chosen("regenerate"),
    chosen("take_late_in"),
    chosen("release"),
    chosen("change_amount", 40, 100, 250),
    chosen("change_scope", *range(len(SCOPES))),
    chosen("change_priority", 1, 2, 3),
    chosen("adjust", 50, -30, -300),
    chosen("disable"),
    end,
    chosen("archive"),
)


@contextmanager
def paused(engine: Engine, thread: Callable[[], bool], until: Callable[[], bool]) -> Iterator[None]:
    """One thread's transactions wait before they commit: until something has happened, or somebody waits for a lock."""

    def wait(_: Connection) -> None:
        deadline = time.monotonic() + 20
        while thread() and not until() and not somebody_waits(engine):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.002)

    event.listen(engine, "commit", wait)
    try:
        yield
    finally:
        event.remove(engine, "commit", wait)


def somebody_waits(engine: Engine) -> bool:
    """Whether a connection waits for a lock; what looks commits nothing."""
    with engine.connect() as connection:
        return connection.execute(WAITING).first() is not None


def at_once(life: Life, first: Callable[[], None], second: Callable[[], None]) -> None:
    """Both are done or refused; the second one begins, and waits or ends, before anything of the first is committed."""
    begun, ended = threading.Event(), threading.Event()
    ahead: set[int] = set()

    def do_first() -> None:
        ahead.add(threading.get_ident())
        begun.set()
        try:
            tried(first)
        finally:
            ahead.clear()  # the same thread may do the second

    def do_second() -> None:
        begun.wait()
        try:
            tried(second)
        finally:
            ended.set()

    with (
        paused(life.book.engine, lambda: threading.get_ident() in ahead, ended.is_set),
        ThreadPoolExecutor(2) as pool,
    ):
        works = [pool.submit(do_first), pool.submit(do_second)]
    for work in works:
        work.result()


def live(engine: Engine, seed: int, *, rounds: int) -> None:
    """Some deeds one after the other, and two at once, again and again; both sentences hold after each of them."""
    chance, life = Random(seed), Life(engine)
    life.promise("POSTPAID", 100, window=(0, 2), priority=2, scope=0, rate="LIST_RATE")
    for _ in range(rounds):
        for _ in range(chance.randint(1, 4)):
            tried(chance.choice(DEEDS)(life, chance))
        life.is_alone = False
        at_once(life, *(chance.choice(DEEDS)(life, chance) for _ in range(2)))
        life.judge()
        life.is_alone = True


@pytest.mark.parametrize("seed", range(4))
def test_two_at_once(database: Engine, seed: int) -> None:
    """Whoever comes second waits, is refused, or does what is right by then."""
    live(database, seed, rounds=5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_at_once_at_length(database: Engine) -> None:
    """The same, for longer."""
    for seed in range(100, 200):
        live(database, seed, rounds=8)
