"""Lives in which a commitment was charged twice, step by step: each is refused, held or made right now."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.property.life import Life, tried
from tests.property.sentences import in_all, one_right_run, void_beside

Step = Callable[[Life], None]


def promise(kind: str = "POSTPAID", amount: int = 100, window: tuple[int, int] = (0, 2), **terms: Any) -> Step:
    """A commit of 100 over January and February, unless it says otherwise."""
    whole = {"priority": 1, "scope": 0, "rate": "LIST_RATE", **terms}
    return lambda life: life.promise(kind, amount, window=window, **whole)


def use(quantity: int, *, hour: int = 0, contract: int = 0, product: int = 0) -> Step:
    """Usage at 2 a unit, of storage at the start of January on the first contract unless it says otherwise."""
    return lambda life: life.use(hour, quantity, contract=contract, product=product)


CLOSE: Step = lambda life: life.close(33)  # noqa: E731
FEBRUARY = 24 * 31
LIVES: dict[str, list[Step]] = {
    "void before the true-up, regenerated after it": [
        promise(),
        use(15),
        CLOSE,
        lambda life: life.void(0),
        CLOSE,
        lambda life: life.regenerate(0),
    ],
    "void, though it had drawn on nothing, and regenerated after the true-up": [
        promise("PREPAID", 30),
        promise(),
        use(15),
        CLOSE,
        lambda life: life.void(0),
        lambda life: life.adjust(0, -30),
        CLOSE,
        lambda life: life.regenerate(0),
    ],
    "late usage of a month that had none": [
        promise(),
        CLOSE,
        CLOSE,
        use(15),
        lambda life: life.take_late_in(0),
    ],
    "late usage of another contract's month": [
        promise(),
        use(5),
        CLOSE,
        CLOSE,
        use(15, contract=1),
        lambda life: life.take_late_in(0),
    ],
    "late usage of a contract that is not invoiced": [
        promise(),
        use(5),
        CLOSE,
        CLOSE,
        use(15, contract=2),
        lambda life: life.take_late_in(0),
    ],
    "all of it used, void, held, released, and regenerated": [
        promise(window=(0, 1)),
        use(50),
        CLOSE,
        lambda life: life.void(0),
        lambda life: life.release(0),
        Life.work,
        lambda life: life.regenerate(0),
    ],
    "raised by hand after more had been used": [
        promise(),
        use(80),
        CLOSE,
        lambda life: life.adjust(0, 50),
        CLOSE,
    ],
    "raised by an edit after more had been used": [
        promise(),
        use(80),
        CLOSE,
        lambda life: life.change_amount(0, 250),
        CLOSE,
    ],
    "a prepaid commit stored later, and one of two contracts made anew": [
        promise(),
        use(50),
        use(30, contract=1),
        CLOSE,
        promise("PREPAID", 50),
        lambda life: life.void(0),
        lambda life: life.regenerate(0),
        CLOSE,
    ],
    "taken before another commit, after usage had drawn on that": [
        promise(),
        promise(priority=2),
        use(40),
        CLOSE,
        lambda life: life.change_priority(0, 3),
        CLOSE,
    ],
    "taken before another commit once its true-up is issued": [
        promise(),
        promise(priority=2),
        use(40),
        CLOSE,
        CLOSE,
        lambda life: life.change_priority(0, 3),
    ],
    "made to cover more once its true-up is issued": [
        promise(scope=3),
        use(40),
        use(30, product=1),
        CLOSE,
        CLOSE,
        lambda life: life.change_scope(0, 0),
    ],
    "stored over usage that was invoiced": [
        use(15),
        CLOSE,
        promise(),
        CLOSE,
    ],
    "stored before a commit that usage drew on": [
        promise(priority=2),
        use(15),
        CLOSE,
        promise(priority=1),
        CLOSE,
    ],
    "lowered by hand below what was drawn, and raised again": [
        promise(),
        use(15),
        CLOSE,
        lambda life: life.adjust(0, -300),
        use(15, hour=FEBRUARY),
        CLOSE,
        lambda life: life.adjust(0, 300),
        Life.work,
    ],
    "its invoice void, and archived": [
        promise(window=(0, 1)),
        CLOSE,
        lambda life: life.void(0),
        lambda life: life.archive(0),
    ],
}


@pytest.mark.parametrize("name", LIVES)
def test_a_life(common_database: Engine, name: str) -> None:
    """After each step a commitment is charged once, all agrees, and in the end no more is charged than in one run."""
    life = Life(common_database)
    for step in LIVES[name]:
        tried(lambda step=step: step(life))
        life.judge()
    assert in_all(life.book) <= one_right_run(life.book)


@pytest.mark.parametrize("name", LIVES)
def test_a_life_put_right(common_database: Engine, name: str) -> None:
    """Whatever was done: its months corrected from the first one on, the customer is charged what one run charges."""
    life = Life(common_database)
    for step in LIVES[name]:
        tried(lambda step=step: step(life))
    life.correct(0)
    life.judge()
    assert not any(void_beside(life.book).values())
