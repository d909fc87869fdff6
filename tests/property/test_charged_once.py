"""A commitment is charged once, whatever is done, in whatever order."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from tests.property.life import HOURS, SCOPES, Life, tried

QUIET = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.generate, Phase.shrink),
    "database": None,
}
FEW = settings(max_examples=12, stateful_step_count=12, derandomize=True, **QUIET)
MANY = settings(max_examples=150, stateful_step_count=25, **QUIET)

WINDOWS = st.sampled_from([(0, 1), (0, 2), (0, 3), (1, 3), (1, 2), (0, 4), (4, 5), (4, 2)])  # places in `BOUNDS`
AMOUNTS = st.sampled_from([100, 40, 250])
PRIORITIES = st.integers(1, 3)
SCOPE = st.integers(0, len(SCOPES) - 1)
CHOICE = st.integers(0, 7)
PROMISE = st.fixed_dictionaries(
    {
        "amount": AMOUNTS,
        "window": WINDOWS,
        "priority": PRIORITIES,
        "scope": SCOPE,
        "rate": st.sampled_from(["LIST_RATE", "COMMIT_RATE"]),
    }
)
LINE = st.fixed_dictionaries(
    {
        "hour": st.sampled_from([0, 24, 24 * 31, 24 * 59]) | st.integers(0, HOURS - 1),
        "quantity": st.sampled_from([15, 50, 5, 80]),
        "contract": st.integers(0, 2),
        "product": st.integers(0, 1),
        "discount": st.booleans(),
    }
)


class ChargedOnce(RuleBasedStateMachine):
    """Any sequence of deeds; after each of them both sentences hold, and everything agrees."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.life = Life(engine)

    @initialize(first=PROMISE, prepaid=st.none() | PROMISE, second=st.none() | PROMISE, early=st.none() | LINE)
    def promise(self, first: Any, prepaid: Any, second: Any, early: Any) -> None:
        """One to three commits; now and then a month was closed before they were made."""
        if early:
            self.life.use(**early)
            self.life.close(33)
        self.life.promise("POSTPAID", **first)
        if prepaid:
            self.life.promise("PREPAID", **prepaid)
        if second:
            self.life.promise("POSTPAID", **second)

    @rule(kind=st.sampled_from(["POSTPAID", "PREPAID"]), terms=PROMISE)
    @precondition(lambda self: len(self.life.commits) < 4)
    def promise_more(self, kind: str, terms: Any) -> None:
        """One more commit."""
        self.life.promise(kind, **terms)

    @rule(line=LINE)
    def use(self, line: Any) -> None:
        """Usage, which is late where its month is closed."""
        self.life.use(**line)

    @rule(days=st.sampled_from([33, 62, 95]))
    def close(self, days: int) -> None:
        """Months close, and true-ups settle when their time has come."""
        self.life.close(days)

    @rule(choice=CHOICE)
    def void(self, choice: int) -> None:
        """Something finalized is void."""
        tried(lambda: self.life.void(choice))

    @rule(choice=CHOICE)
    def regenerate(self, choice: int) -> None:
        """Something void is made anew."""
        tried(lambda: self.life.regenerate(choice))

    @rule(choice=CHOICE)
    def take_late_in(self, choice: int) -> None:
        """Late usage is taken in."""
        tried(lambda: self.life.take_late_in(choice))

    @rule(choice=CHOICE)
    def release(self, choice: int) -> None:
        """Something held goes on."""
        tried(lambda: self.life.release(choice))

    @rule(month=st.integers(0, 2), dry_run=st.booleans())
    def correct(self, month: int, *, dry_run: bool) -> None:
        """Months are put right."""
        tried(lambda: self.life.correct(month, dry_run=dry_run))

    @rule(choice=CHOICE, amount=AMOUNTS)
    def change_amount(self, choice: int, amount: int) -> None:
        """More or less is promised."""
        tried(lambda: self.life.change_amount(choice, amount))

    @rule(choice=CHOICE, window=WINDOWS)
    def move_access(self, choice: int, window: tuple[int, int]) -> None:
        """Access moves."""
        tried(lambda: self.life.move_access(choice, window))

    @rule(choice=CHOICE, scope=SCOPE)
    def change_scope(self, choice: int, scope: int) -> None:
        """Other usage is covered."""
        tried(lambda: self.life.change_scope(choice, scope))

    @rule(choice=CHOICE, priority=PRIORITIES)
    def change_priority(self, choice: int, priority: int) -> None:
        """Another place in the order."""
        tried(lambda: self.life.change_priority(choice, priority))

    @rule(choice=CHOICE, bound=st.integers(0, 5), invoices=st.booleans())
    def end(self, choice: int, bound: int, *, invoices: bool) -> None:
        """Access or invoicing ends."""
        tried(lambda: self.life.end(choice, bound, invoices=invoices))

    @rule(choice=CHOICE, amount=st.sampled_from([50, -30, -300]))
    def adjust(self, choice: int, amount: int) -> None:
        """An entry by hand."""
        tried(lambda: self.life.adjust(choice, amount))

    @rule(choice=CHOICE)
    def disable(self, choice: int) -> None:
        """A true-up is switched off."""
        tried(lambda: self.life.disable(choice))

    @rule(choice=CHOICE)
    def archive(self, choice: int) -> None:
        """A commit is taken out of use."""
        tried(lambda: self.life.archive(choice))

    @rule()
    def work(self) -> None:
        """What is due is done."""
        self.life.work()

    @invariant()
    def judge(self) -> None:
        """Both sentences hold, and everything that is stored agrees."""
        if self.life.commits:
            self.life.judge()


def test_a_commitment_is_charged_once(common_database: Engine) -> None:
    """Any dozen of deeds leaves both sentences true."""
    run_state_machine_as_test(lambda: ChargedOnce(common_database), settings=FEW)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_commitment_is_charged_once_at_length(common_database: Engine) -> None:
    """The same, for longer."""
    run_state_machine_as_test(lambda: ChargedOnce(common_database), settings=MANY)
