"""The books agree with invoices and ledger, whatever is done, and a closed month does not change any more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.integration.books import close_month, journal, journal_bytes, signed, sums, unbalanced
from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SECOND, SILENT, START
from tests.property.life import REFUSED, VOID, VOIDABLE
from trueup.domain.burndown.exact import exact_sum
from trueup.domain.journal.valuation import Earned, Valuation
from trueup.domain.month import month_of
from trueup_worker.journal.close import MonthRefused

QUIET: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.generate, Phase.shrink),
    "database": None,
}
CHOICE, AMOUNT = st.integers(0, 5), st.sampled_from([100, 70, 250, 33])
DEED = st.one_of(
    st.tuples(st.just("pay"), AMOUNT, AMOUNT, st.integers(1, 3), st.booleans()),
    st.tuples(st.just("give"), st.sampled_from(["CREDIT", "PREPAID"]), AMOUNT),
    st.tuples(st.just("owe"), AMOUNT),
    st.tuples(st.just("use"), st.integers(0, 24 * 120), st.sampled_from(["15", "50.5", "5", "80"]), st.integers(0, 2)),
    st.tuples(st.just("advance"), st.sampled_from([3, 33, 62])),
    st.tuples(st.sampled_from(["void", "anew", "archive", "end"]), CHOICE),
    st.tuples(st.just("grant"), CHOICE, AMOUNT),
    st.tuples(st.just("bill"), CHOICE, AMOUNT),
    st.tuples(st.just("adjust"), CHOICE, st.sampled_from(["50", "-30", "-300"])),
    st.tuples(st.just("correct"), st.integers(0, 2)),
    st.tuples(st.just("close")),
)


class Books:
    """A customer's life, and the months that were closed in it, with what was exported then."""

    def __init__(self, engine: Engine) -> None:
        self.book, self.now = ChangeBook(engine), START
        self.commits: list[UUID] = []
        self.closed: dict[str, bytes] = {}

    def pay(self, access: int, instalment: int, count: int, recorded: bool) -> None:  # noqa: FBT001
        """A PREPAID commit over three months, paid in instalments a month apart."""
        items = [{"timestamp": f"2030-0{month}-05T00:00:00Z", "amount": instalment} for month in range(1, count + 1)]
        schedule = {"schedule_items": items} | ({"do_not_invoice": True} if recorded else {})
        self.commits.append(self.book.request("PREPAID", access, "2030-04-01", invoice_schedule=schedule))

    def give(self, kind: str, amount: int) -> None:
        """A credit, or a complimentary commit."""
        self.commits.append(self.book.request(kind, amount, "2030-03-01"))

    def owe(self, amount: int) -> None:
        """A POSTPAID commit."""
        item = {"timestamp": "2030-03-01T00:00:00Z", "amount": amount}
        schedule = {"schedule_items": [item]}
        self.commits.append(self.book.request("POSTPAID", amount, "2030-03-01", invoice_schedule=schedule))

    def use(self, hour: int, quantity: str, contract: int) -> None:
        """A line of usage, on a contract that is invoiced or one that is not."""
        self.book.use(START + timedelta(hours=hour), quantity, contract_id=(FIRST, SECOND, SILENT)[contract])

    def advance(self, days: int) -> None:
        """Time passes, and what is due is done."""
        self.now += timedelta(days=days)
        self.book.go_to(self.now)

    def void(self, choice: int) -> None:
        """An invoice or period is void; no closed month knows of it."""
        found = self.book.rows(VOIDABLE)
        if found:
            before = journal(self.book)
            self.book.void(found[choice % len(found)].id)
            new = {line["entry"]: line["date"] for line in journal(self.book) if line not in before}
            assert all(date[:7] not in self.closed for date in new.values()), new

    def anew(self, choice: int) -> None:
        """What is void is made anew."""
        found = self.book.rows(VOID)
        if found:
            self.book.regenerate(found[choice % len(found)].id)
            self.book.work()

    def archive(self, choice: int) -> None:
        """A commit is taken out of use."""
        self._of(choice, self.book.archive)

    def end(self, choice: int) -> None:
        """Access and invoicing end with February."""
        at = datetime(2030, 3, 1, tzinfo=UTC).isoformat()
        self._of(choice, lambda key: self.book.end(key, access_ending_before=at, invoices_ending_before=at))

    def grant(self, choice: int, amount: int) -> None:
        """Access is worth more, or less."""
        item = {"amount": amount}
        self._of(
            choice,
            lambda key: self.book.edit(
                key,
                access_schedule={"update_schedule_items": [item | {"id": str(self.book.segments(key)[0].id)}]},
            ),
        )

    def bill(self, choice: int, amount: int) -> None:
        """One more instalment."""
        item = {"timestamp": "2030-03-10T00:00:00Z", "amount": amount}
        self._of(choice, lambda key: self.book.edit(key, invoice_schedule={"add_schedule_items": [item]}))

    def adjust(self, choice: int, amount: str) -> None:
        """An entry by hand."""
        self._of(choice, lambda key: self.book.adjust(key, amount))

    def correct(self, month: int) -> None:
        """A month and all later ones are put right."""
        self.book.correct(START.replace(month=month + 1))
        self.book.work()

    def close(self) -> None:
        """The first open month that is over is closed; closing it twice is refused."""
        opens = START if not self.closed else month_of(datetime.fromisoformat(f"{max(self.closed)}-20T00Z"))[1]
        named = f"{opens:%Y-%m}"
        before = journal_bytes(self.book, named)
        close_month(self.book, named, open_usage=True)
        assert journal_bytes(self.book, named) == before, "closing writes what was open"
        self.closed[named] = before
        with pytest.raises(MonthRefused):
            close_month(self.book, named, open_usage=True)

    def judge(self) -> None:
        """Every entry balances and stands once, sums agree, closed months are as they were."""
        lines = journal(self.book)
        assert unbalanced(lines) == set()
        assert len({(line["entry"], line["account"]) for line in lines}) == len(lines)
        assert {month: journal_bytes(self.book, month) for month in self.closed} == self.closed
        owed = self.book.rows(
            "SELECT round(sum(total)) AS total, count(*) AS n FROM invoice WHERE status = 'FINALIZED'"
            " AND account_id = :account_id"
        )[0]
        assert abs(sums(lines).get("receivable", Decimal(0)) * 100 - (owed.total or 0)) <= owed.n
        assert not exact_sum(map(signed, lines))
        assert [str(each) for each in self.book.differences()] == []

    def _of(self, choice: int, deed: Callable[[UUID], Any]) -> None:
        if self.commits:
            deed(self.commits[choice % len(self.commits)])


def live(engine: Engine, deeds: list[tuple[Any, ...]]) -> None:
    """Does all of it, or what is not refused."""
    books = Books(engine)
    for what, *given_ in deeds:
        try:
            getattr(books, what)(*given_)
        except (*REFUSED, MonthRefused):
            continue
        finally:
            books.judge()


BEGINNING = [("pay", 100, 33, 3, False), ("give", "CREDIT", 33), ("use", 30, "50.5", 0), ("advance", 33), ("close",)]


@settings(max_examples=7, derandomize=True, **QUIET)
@given(deeds=st.lists(DEED, min_size=4, max_size=10))
def test_the_books_agree(common_database: Engine, deeds: list[tuple[Any, ...]]) -> None:
    """Entries balance, sums agree with invoices and ledger, closed months keep their bytes, voids are dated later."""
    live(common_database, BEGINNING + deeds)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=120, **QUIET)
@given(deeds=st.lists(DEED, min_size=6, max_size=30))
def test_the_books_agree_at_length(common_database: Engine, deeds: list[tuple[Any, ...]]) -> None:
    """The same, for longer."""
    live(common_database, deeds)


STEP = st.tuples(
    st.sampled_from(["revenue", "breakage", "revalue"]), st.decimals("0.01", 90, places=2), st.integers(1, 500)
)


@given(steps=st.lists(STEP, max_size=12), access=st.integers(1, 400), instalments=st.integers(1, 400))
def test_all_that_was_paid_is_earned(steps: list[tuple[Any, Decimal, int]], access: int, instalments: int) -> None:
    """Whatever is drawn, expires and is agreed anew: once a commit is empty, what was earned is what is paid for it."""
    paid, granted, left, earned = Decimal(instalments), Decimal(access), Decimal(access), Decimal(0)
    valuation = Valuation(paid, granted)
    valuation.open(granted)

    def take(what: Earned, amount: Decimal) -> Decimal:
        return valuation.take(what, -amount)

    for what, amount, more in steps:
        if what == "revalue":
            valuation.open(Decimal(more))
            granted, left, paid = granted + more, left + more, paid + amount
            earned += sum((change for _, change in valuation.revalue(paid, granted)), Decimal(0))
        elif amount < left:
            left, earned = left - amount, earned + take(what, amount)
            assert abs(Fraction(earned) - Fraction(paid) * (1 - Fraction(left) / Fraction(granted))) < Fraction(
                1, 10**11
            )
    earned += take("breakage", left)
    assert earned == paid
