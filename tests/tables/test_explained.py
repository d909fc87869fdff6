"""The table explained.txt, and true-ups: what `explain` lists adds up to the total."""

import re
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SILENT, START
from tests.tables.ahead_cells import adjust, parts
from tests.tables.table import Row, read_table
from trueup.domain.money import plain_text
from trueup.store.postgres.engine import snapshot
from trueup_worker.cli.ledger.records import explanation
from trueup_worker.reporting.drafts import usage_drafts
from trueup_worker.reporting.explain import explain
from trueup_worker.reporting.receipts import UsageFigures

Told = dict[str, Any]
FEBRUARY = datetime(2030, 2, 1, tzinfo=UTC)
_USAGE = re.compile(r"(?P<quantity>[\d.]+) x (?P<price>[\d.]+)(?: at (?P<own>[\d.]+))?(?P<silently> silently)?")


def make_commits(book: ChangeBook, cell: str, **more: Any) -> list[UUID]:
    """The commits of a cell, each ranked behind the one before: "prepaid 4 quantity; prepaid 12 commit rate"."""
    made = []
    for number, part in enumerate(parts(cell)):
        kind, amount, *terms = part.split()
        told = {"priority": str(number), "name": part, **more}
        told |= {"access_type": "QUANTITY"} if "quantity" in terms else {}
        told |= {"rate_type": "COMMIT_RATE"} if "rate" in terms else {}
        made.append(book.commit(kind.upper(), amount, paid=kind == "postpaid", **told))
    return made


def use(book: ChangeBook, cell: str) -> None:
    """Takes the usage of a cell in: "10 x 3 at 2" has a price of its own for commits."""
    found = _USAGE.fullmatch(cell)
    assert found, cell
    own = {"commit_price": found["own"]} if found["own"] else {}
    contract_id = SILENT if found["silently"] else FIRST
    book.use(START, found["quantity"], found["price"], contract_id=contract_id, **own)


def explained(book: ChangeBook, which: UUID) -> Told:
    """The explanation."""
    with snapshot(book.engine) as connection:
        return explanation(explain(connection, account_id=book.account_id, which=which))


def draft_id(book: ChangeBook) -> UUID:
    """The id of the one draft of usage, which stays the period's."""
    with snapshot(book.engine) as connection:
        (customer_id,) = connection.exec_driver_sql(
            "SELECT DISTINCT customer_id FROM usage_line WHERE account_id = %(id)s", {"id": book.account_id}
        ).scalars()
        (draft,) = usage_drafts(connection, book.account_id, customer_id)
    return draft.id


def quantities(told: Told) -> str:
    """The quantities of usage, those with ~ that were rounded."""
    return " ".join("~" * line["is_rounded"] + plain_text(line["quantity"]) for line in told["usage"])


def applied(told: Told) -> str:
    """What was applied, as the table has it."""
    lines = (plain_text(line["amount"]) + ("" if line["is_subtracted"] else " shown") for line in told["applied"])
    return "; ".join(lines)


def adds_up(told: Told) -> Decimal:
    """The sum of what is listed: usage, and what is subtracted of it; the arithmetic says the same."""
    with localcontext(prec=64):
        used = sum((line["amount"] for line in told["usage"]), Decimal())
        taken = sum((line["amount"] for line in told["applied"] if line["is_subtracted"]), Decimal())
        shown = sum((line["amount"] for line in told["applied"] if not line["is_subtracted"]), Decimal())
        figures = UsageFigures(usage=used, subtracted=-taken, total=used + taken, not_subtracted=-shown)
        assert told["arithmetic"] == figures
        return used + taken


@pytest.mark.parametrize("case", read_table("explained.txt"), ids=lambda case: case["case"])
def test_what_is_explained_adds_up(common_database: Engine, case: Row) -> None:
    """Each row of explained.txt: usage and what is applied, of the draft, of what is closed and of what is void."""
    book = ChangeBook(common_database)
    make_commits(book, case["commits"])
    use(book, case["usage"])
    which = draft_id(book)
    told = [explained(book, which)]
    book.close(START)
    told.append(explained(book, which))
    book.void(which)
    told.append(explained(book, which))
    for each in told:
        assert " ".join(plain_text(line["amount"]) for line in each["usage"]) == case["usage amounts"]
        assert quantities(each) == case["quantities"]
        assert applied(each) == case["applied"]
        assert adds_up(each) == Decimal(case["total"])
    is_invoiced = bool(case["amount due"])
    assert [each["total"] for each in told[1:]] == [Decimal(case["total"]) if is_invoiced else None] * 2
    assert [each["amount_due"] for each in told[1:]] == [Decimal(case["amount due"]) if is_invoiced else None] * 2


@pytest.mark.parametrize("adjusted", ["", "-50", "20.5"])
@pytest.mark.parametrize("used", ["0", "30", "2000"])
def test_a_true_up_adds_up(common_database: Engine, used: str, adjusted: str) -> None:
    """Committed - drawn + adjustments = due, which is what its line and its total say: as a draft and as an invoice."""
    book = ChangeBook(common_database)
    (commit_id,) = make_commits(book, "postpaid 1000", ends=FEBRUARY)
    book.use(START, used)
    if adjusted:
        adjust(book, commit_id, adjusted)
    (true_up,) = book.obligations(commit_id)
    told = [explained(book, true_up.id)]
    book.close(START)
    told.append(explained(book, true_up.id))
    for each in told[: 1 + (book.state(commit_id) == "issued")]:
        figures = each["true_up"]
        due = figures.committed - figures.drawn + figures.adjustments
        assert figures.due == max(due, Decimal()) == each["total"] == sum(line["amount"] for line in each["lines"])
        assert each["amount_due"] - each["total"] == (each["rounding"] or 0)


AMOUNTS = st.decimals("0.01", "99", places=12)


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(0, 700)), min_size=1, max_size=5),
    st.lists(
        st.tuples(
            st.sampled_from(["prepaid", "postpaid", "credit"]),
            AMOUNTS,
            st.sampled_from(["", " quantity", " commit rate"]),
        ),
        max_size=5,
    ),
)
def test_whatever_is_used_and_promised_adds_up(
    common_database: Engine, used: list[tuple[Decimal, Decimal, Decimal, int]], promised: list[tuple[str, Decimal, str]]
) -> None:
    """To the last digit, of the draft and of the invoice; what is to be paid is within half a cent of it."""
    book = ChangeBook(common_database)
    kinds = (f"{kind} {amount}{terms if kind != 'postpaid' else ''}" for kind, amount, terms in promised)
    make_commits(book, ";".join(kinds))
    for quantity, price, own, hour in used:
        at = START.replace(day=1 + hour // 24, hour=hour % 24)
        book.use(at, str(quantity), str(price), commit_price=str(own))
    which = draft_id(book)
    draft = explained(book, which)
    book.close(START)
    invoice = explained(book, which)
    assert adds_up(draft) == draft["total"] == invoice["total"] == adds_up(invoice)
    assert draft["amount_due"] == invoice["amount_due"]
    assert abs(invoice["amount_due"] - invoice["total"]) <= Decimal("0.5")
    assert quantities(draft) == quantities(invoice)
