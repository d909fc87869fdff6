"""Whatever happens to a promise, it is trued up once, by what is committed and not drawn; no usage is paid twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SECOND, SILENT, START
from trueup_worker.commit_changes.refusal import ChangeRefused, InvalidChange
from trueup_worker.invoicing.regenerate import RegenerateRefused
from trueup_worker.invoicing.release import ReleaseRefused
from trueup_worker.invoicing.void import VoidRefused

FEBRUARY, MARCH, APRIL, MAY = (datetime(2030, month, 1, tzinfo=UTC) for month in (2, 3, 4, 5))
REFUSED = (ChangeRefused, InvalidChange, RegenerateRefused, ReleaseRefused, VoidRefused)
# In the order of time, not of ids: these differ from account to account, and each example has its own.
VOIDABLE = """
    SELECT id, starting_at AS at, contract_id
      FROM usage_period WHERE account_id = :account_id AND voided_at IS NULL
    UNION ALL
    SELECT id, issued_at, contract_id FROM invoice AS i WHERE account_id = :account_id AND status = 'FINALIZED'
       AND NOT EXISTS (SELECT FROM usage_period WHERE account_id = :account_id AND id = i.id)
     ORDER BY at, contract_id, id
"""
VOID = """
    SELECT id, starting_at AS at, contract_id
      FROM usage_period AS p WHERE account_id = :account_id AND voided_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM usage_period WHERE account_id = :account_id AND regenerated_from_id = p.id)
    UNION ALL
    SELECT id, due_at, NULL FROM obligation AS o WHERE account_id = :account_id AND state = 'voided'
       AND NOT EXISTS (SELECT FROM obligation WHERE account_id = :account_id AND regenerated_from_id = o.id)
     ORDER BY at, contract_id, id
"""
LATE = "SELECT contract_id, at FROM usage_line WHERE account_id = :account_id AND is_late ORDER BY transaction_id"
DRAWN = """
    SELECT coalesce(sum(l.amount), 0) AS amount FROM invoice_line AS l
      JOIN usage_period AS p ON p.account_id = l.account_id AND p.id = l.invoice_id AND p.voided_at IS NULL
     WHERE l.account_id = :account_id AND l.kind = 'usage' AND l.commit_id = :commit_id
"""
CHARGED = """
    SELECT l.amount FROM invoice_line AS l
      JOIN usage_period AS p ON p.account_id = l.account_id AND p.id = l.invoice_id AND p.voided_at IS NULL
      JOIN commit AS c ON c.account_id = l.account_id AND c.id = :commit_id
      JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     WHERE l.account_id = :account_id AND l.kind = 'usage' AND l.segment_id IS NULL AND l.amount > 0
       AND l.starting_at < s.ending_before AND l.ending_before > s.starting_at
       AND (c.applicable_contract_ids IS NULL OR p.contract_id = ANY(c.applicable_contract_ids))
"""
FEW = settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
MANY = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


class Promise:
    """A commit of January to March, and what happens to it."""

    def __init__(self, engine: Engine, chance: Random) -> None:
        self.book, self.chance, self.now = ChangeBook(engine), chance, START
        if chance.random() < 0.3:  # made over a month that was closed
            self.book.use(START, "20")
            self.let_time_pass()
        self.commit_id = self.book.commit("POSTPAID", "100", starts=START, ends=APRIL)

    def use(self) -> None:
        """Usage, which is late where its month is closed."""
        at = START + timedelta(hours=self.chance.randrange(24 * 89))
        self.book.use(at, str(self.chance.randint(1, 60)), contract_id=self.chance.choice([FIRST, SECOND, SILENT]))

    def let_time_pass(self) -> None:
        """Months close, and the true-up settles when its time has come."""
        self.now += timedelta(days=self.chance.choice([31, 33, 60]))
        self.book.go_to(self.now)

    def void(self) -> None:
        """Voids a period, its invoice or the true-up."""
        for row in self._one_of(VOIDABLE):
            self.book.void(row.id)

    def regenerate(self) -> None:
        """Makes something void anew."""
        for row in self._one_of(VOID):
            self.book.regenerate(row.id)

    def take_late_in(self) -> None:
        """Late usage of a month that had none."""
        for row in self._one_of(LATE):
            self.book.take_late_in(row.contract_id, row.at)

    def change_amount(self) -> None:
        """Promises more, or less."""
        self.book.change_promise(self.commit_id, amount=self.chance.choice([40, 100, 250]))

    def move_access(self) -> None:
        """Starts earlier or later, ends earlier or later."""
        start, end = self.chance.choice([START, FEBRUARY]), self.chance.choice([MARCH, APRIL, MAY])
        self.book.change_promise(self.commit_id, starting_at=start.isoformat(), ending_before=end.isoformat())

    def change_scope(self) -> None:
        """Covers other contracts."""
        scope = self.chance.choice([None, [str(FIRST)], [str(SECOND), str(SILENT)]])
        self.book.edit(self.commit_id, applicable_contract_ids=scope)

    def disable(self) -> None:
        """Switches the true-up off, now and then."""
        if self.chance.random() < 0.3:
            self.book.disable(self.commit_id)

    def release(self) -> None:
        """Lets it go although it is held."""
        self.book.release(self.commit_id)

    def wait(self) -> None:
        """Until everything is due."""
        self.book.go_to(datetime(2033, 1, 1, tzinfo=UTC))

    def finish(self) -> None:
        """Makes anew what is void, lets go what is held, corrects where either is refused, and waits."""
        while void := self.book.rows(VOID):
            self._or_correct(lambda void=void: self.book.regenerate(void[0].id))
        self.wait()
        while self.book.obligations(self.commit_id)[-1].state == "held":
            self._or_correct(self.release)
            self.book.work()

    def _or_correct(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (RegenerateRefused, ReleaseRefused):
            self.book.correct(START)

    @property
    def billed(self) -> list[Decimal]:
        """The totals of its true-ups that are not void."""
        scheduled = (each for each in self.book.invoices() if each.type == "SCHEDULED")
        return [each.total for each in scheduled if each.status == "FINALIZED"]

    @property
    def missing(self) -> Decimal:
        """What is committed and was not drawn."""
        (drawn,) = self.book.rows(DRAWN, commit_id=self.commit_id)
        (segment,) = self.book.segments(self.commit_id)
        return max(Decimal(0), Decimal(segment.amount - drawn.amount))

    def _one_of(self, query: str) -> list[Any]:
        found = self.book.rows(query)
        return [self.chance.choice(found)] if found else []


EVENTS: tuple[Callable[[Promise], None], ...] = (
    Promise.use,
    Promise.use,
    Promise.let_time_pass,
    Promise.let_time_pass,
    Promise.void,
    Promise.regenerate,
    Promise.take_late_in,
    Promise.change_amount,
    Promise.move_access,
    Promise.change_scope,
    Promise.disable,
    Promise.release,
)
LIFE = st.lists(st.sampled_from(EVENTS), min_size=6, max_size=24)


PEACE = st.lists(
    st.sampled_from([each for each in EVENTS if each not in (Promise.void, Promise.release, Promise.disable)]),
    min_size=6,
    max_size=24,
)


def live(promise: Promise, life: list[Callable[[Promise], None]]) -> Iterator[None]:
    """Event after event: never are there two true-ups that count."""
    for event in life:
        try:
            event(promise)
        except REFUSED:
            continue
        assert len(promise.billed) <= 1
        yield


def assert_nothing_is_paid_twice(promise: Promise, life: list[Callable[[Promise], None]]) -> None:
    """Where nothing is void or released, usage that the promise covers was not charged when it is trued up."""
    for _ in live(promise, [*life, lambda promise: promise.wait()]):
        if promise.billed:
            assert promise.book.rows(CHARGED, commit_id=promise.commit_id) == []
            break
    assert promise.book.differences() == []


def assert_trued_up_once(promise: Promise, life: list[Callable[[Promise], None]]) -> None:
    """In the end there is just one true-up, over what is missing, unless it was switched off."""
    assert len(list(live(promise, life))) <= len(life)
    promise.finish()
    last = promise.book.obligations(promise.commit_id)[-1]
    owed = Decimal(0) if last.suppressed_by else promise.missing
    assert promise.billed == ([owed] if owed else [])
    assert promise.book.balance(promise.commit_id) == 0
    assert promise.book.differences() == []


@FEW
@given(life=LIFE, chance=st.randoms(use_true_random=False))
def test_a_promise_is_trued_up_once(
    common_database: Engine, life: list[Callable[[Promise], None]], chance: Random
) -> None:
    """Usage, closing, settling, voids, regenerations, edits and releases in any order."""
    assert_trued_up_once(Promise(common_database, chance), life)


@FEW
@given(life=PEACE, chance=st.randoms(use_true_random=False))
def test_no_usage_is_paid_twice(common_database: Engine, life: list[Callable[[Promise], None]], chance: Random) -> None:
    """Usage, closing, settling and edits in any order."""
    assert_nothing_is_paid_twice(Promise(common_database, chance), life)


@pytest.mark.slow
@MANY
@given(life=PEACE, chance=st.randoms(use_true_random=False))
def test_no_usage_is_paid_twice_at_length(
    common_database: Engine, life: list[Callable[[Promise], None]], chance: Random
) -> None:
    """The same, for longer."""
    assert_nothing_is_paid_twice(Promise(common_database, chance), life)


@pytest.mark.slow
@MANY
@given(life=LIFE, chance=st.randoms(use_true_random=False))
def test_a_promise_is_trued_up_once_at_length(
    common_database: Engine, life: list[Callable[[Promise], None]], chance: Random
) -> None:
    """The same, for longer."""
    assert_trued_up_once(Promise(common_database, chance), life)
