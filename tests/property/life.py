"""A customer's life in a sandbox: usage, months that close, and all that operators do to commits and invoices.

Each deed takes plain figures, so that a run can be drawn, shrunk and told. It does what the figures choose among what
is there, in an order that does not depend on ids, or is refused in the product's own words.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SECOND, SILENT, START, STORAGE, TRAFFIC
from tests.property.sentences import Named, broken, in_all, one_right_run, true_ups, unfilled, void_beside
from trueup_worker.commit_changes.refusal import ChangeRefused, InvalidChange
from trueup_worker.invoicing.adjust import AdjustmentRefused, adjust_commit
from trueup_worker.invoicing.clock import ClockRefused
from trueup_worker.invoicing.correct import CorrectionRefused
from trueup_worker.invoicing.regenerate import RegenerateRefused
from trueup_worker.invoicing.release import ReleaseRefused
from trueup_worker.invoicing.void import VoidRefused

REFUSED = (
    AdjustmentRefused,
    ChangeRefused,
    ClockRefused,
    CorrectionRefused,
    InvalidChange,
    RegenerateRefused,
    ReleaseRefused,
    VoidRefused,
)
CONTRACTS, PRODUCTS = (FIRST, SECOND, SILENT), (STORAGE, TRAFFIC)
MONTHS = [datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)]
BOUNDS = [*MONTHS, datetime(2030, 1, 16, tzinfo=UTC), datetime(2030, 2, 11, 5, tzinfo=UTC)]
HOURS = 24 * 90
SCOPES: list[dict[str, Any]] = [
    {},
    {"applicable_contract_ids": [str(FIRST)]},
    {"applicable_contract_ids": [str(SECOND), str(SILENT)]},
    {"applicable_product_ids": [str(STORAGE)]},
]
EVERYTHING = {"applicable_contract_ids": None, "applicable_product_ids": None}
ROUNDING = Fraction(1, 10**9)
STATES = "SELECT id, state, reason FROM obligation WHERE account_id = :account_id ORDER BY id"
USED_BEFORE = "usage_already_invoiced"

VOIDABLE = """
    SELECT id, starting_at AS at, contract_id, booked_at
      FROM usage_period WHERE account_id = :account_id AND voided_at IS NULL
    UNION ALL
    SELECT id, issued_at, NULL, booked_at FROM invoice
     WHERE account_id = :account_id AND status = 'FINALIZED' AND type = 'SCHEDULED'
     ORDER BY at, contract_id, booked_at, id
"""
VOID = """
    SELECT id, starting_at AS at, contract_id, booked_at
      FROM usage_period AS p WHERE account_id = :account_id AND voided_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM usage_period WHERE account_id = :account_id AND regenerated_from_id = p.id)
    UNION ALL
    SELECT id, due_at, NULL, settled_at FROM obligation AS o WHERE account_id = :account_id AND state = 'voided'
       AND NOT EXISTS (SELECT FROM obligation WHERE account_id = :account_id AND regenerated_from_id = o.id)
     ORDER BY at, contract_id, booked_at, id
"""
LATE = """
    SELECT contract_id, date_trunc('month', at, 'UTC') AS month FROM usage_line
     WHERE account_id = :account_id AND is_late GROUP BY 1, 2 ORDER BY 2, 1
"""
HELD = """
    SELECT o.commit_id, o.reason
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.state = 'held' ORDER BY c.booked_at
"""


class Life:
    """One customer with three contracts, one of them not invoiced, and two products; commits as they are promised.

    Attributes:
        commits: the ids of all commits and credits, in the order in which they were made.
        named: the lines that releases let through.
        is_alone: whether nothing else is done to the customer meanwhile.
    """

    def __init__(self, engine: Engine) -> None:
        self.book, self.now = ChangeBook(engine), START
        self.commits: list[UUID] = []
        self.is_alone = True
        self.named: set[Named] = set()
        self._settled: set[tuple[str, UUID]] = set()
        self._issued: set[UUID] = set()

    def promise(self, kind: str, amount: int, *, window: tuple[int, int], priority: int, scope: int, rate: str) -> None:
        """A commit or credit over some months; a POSTPAID one is trued up when they are over."""
        start, end = window
        made = self.book.commit(
            kind,
            str(amount),
            starts=BOUNDS[start],
            ends=BOUNDS[end],
            paid=kind == "POSTPAID",
            priority=str(priority),
            rate_type=rate,
            **SCOPES[scope],
        )
        self.commits.append(made)

    def use(self, hour: int, quantity: int, *, contract: int, product: int, discount: bool = False) -> None:
        """A line at 2 a unit, 1 where a commit's price holds and there is a discount; late if its month is closed."""
        self.book.use(
            START + timedelta(hours=hour),
            str(quantity),
            "2",
            contract_id=CONTRACTS[contract],
            product_id=str(PRODUCTS[product]),
            commit_price="1" if discount else "2",
        )

    def close(self, days: int) -> None:
        """Moves the clock, and does what is due by it."""
        self.now += timedelta(days=days)
        self.book.go_to(self.now)

    def void(self, choice: int) -> None:
        """Voids a usage invoice, a period without one, or a true-up."""
        for row in self._chosen(VOIDABLE, choice):
            self.book.void(row.id)

    def regenerate(self, choice: int) -> None:
        """Makes something void anew."""
        for row in self._chosen(VOID, choice):
            self.book.regenerate(row.id)

    def take_late_in(self, choice: int) -> None:
        """Makes a contract's month anew that had no invoice, or whose invoice is void, with what came late."""
        for row in self._chosen(LATE, choice):
            self.book.take_late_in(row.contract_id, row.month)

    def release(self, choice: int) -> None:
        """Lets a true-up go although it is held; what it was held for is named from then on."""
        for held in self._chosen(HELD, choice):
            key = str(held.commit_id)
            lines, void = unfilled(self.book)[key], void_beside(self.book)[key]
            self.book.release(held.commit_id)
            if held.reason == USED_BEFORE:
                self.named |= {(key, line.period_id, line.position) for line in lines}
            else:
                self._settled |= {(key, period_id) for period_id in void}

    def correct(self, month: int, *, dry_run: bool = False) -> None:
        """Puts a closed month and the later ones right; from the first month on it comes to what one run charges."""
        before = self._figures() if dry_run else None
        self.book.correct(MONTHS[month], dry_run=dry_run)
        assert before in (None, self._figures()), "a dry run changes nothing"
        if month == 0 and not dry_run and self.is_alone:
            self.book.work()
            charged, right = in_all(self.book), one_right_run(self.book)
            assert abs(Fraction(charged) - right) < ROUNDING, f"charged {charged}, one right run charges {right}"

    def change_amount(self, choice: int, amount: int) -> None:
        """Promises more, or less."""
        commit_id = self._commit(choice)
        self._edit_access(commit_id, amount=amount)

    def move_access(self, choice: int, window: tuple[int, int]) -> None:
        """Starts and ends at other times."""
        start, end = (BOUNDS[each].isoformat() for each in window)
        self._edit_access(self._commit(choice), starting_at=start, ending_before=end)

    def change_scope(self, choice: int, scope: int) -> None:
        """Covers other contracts, or other products."""
        self.book.edit(self._commit(choice), **EVERYTHING | SCOPES[scope])

    def change_priority(self, choice: int, priority: int) -> None:
        """Takes another place in the order."""
        self.book.edit(self._commit(choice), priority=priority)

    def end(self, choice: int, bound: int, *, invoices: bool) -> None:
        """Ends access, or invoicing."""
        which = "invoices_ending_before" if invoices else "access_ending_before"
        self.book.end(self._commit(choice), **{which: BOUNDS[bound].isoformat()})

    def adjust(self, choice: int, amount: int) -> None:
        """An entry by hand."""
        with self.book.engine.begin() as connection:
            adjust_commit(
                connection,
                account_id=self.book.account_id,
                commit_id=self._commit(choice),
                amount=Decimal(amount),
                reason="by hand",
                actor="key",
            )

    def disable(self, choice: int) -> None:
        """Switches a true-up off."""
        self.book.disable(self._commit(choice))

    def archive(self, choice: int) -> None:
        """Takes a commit out of use."""
        self.book.archive(self._commit(choice))

    def work(self) -> None:
        """Does what is due."""
        self.book.work()

    def judge(self) -> None:
        """Both sentences hold, what one deed trued up was not beside void usage, and all that is stored agrees."""
        issued, void = true_ups(self.book), void_beside(self.book)
        new = [key for invoice_id, key in issued.items() if invoice_id not in self._issued]
        self._issued = set(issued)
        wrong = [*broken(self.book, self.named), *map(str, self.book.differences())]
        if self.is_alone:
            beside = {(key, period_id) for key in new for period_id in void[key]} - self._settled
            wrong += [f"{key} was trued up while {period_id} was void" for key, period_id in beside]
        assert not wrong, "\n".join(wrong)

    def _figures(self) -> Any:
        return self.book.finances(), self.book.rows(STATES), in_all(self.book)

    def _edit_access(self, commit_id: UUID, *, amount: int | None = None, **window: str) -> None:
        if self.book.commit_row(commit_id).type == "POSTPAID":
            self.book.change_promise(commit_id, amount=amount, **window)
        else:
            of_amount = {"amount": amount} if amount else {}
            item = {"id": str(self.book.segments(commit_id)[0].id), **of_amount, **window}
            self.book.edit(commit_id, access_schedule={"update_schedule_items": [item]})

    def _commit(self, choice: int) -> UUID:
        return self.commits[choice % len(self.commits)]

    def _chosen(self, query: str, choice: int) -> list[Any]:
        found = self.book.rows(query)
        return [found[choice % len(found)]] if found else []


def tried(deed: Callable[[], None]) -> bool:
    """Whether it was done; if not, the product refused it in its own words."""
    try:
        deed()
    except REFUSED:
        return False
    return True
