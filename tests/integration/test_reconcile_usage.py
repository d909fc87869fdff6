"""Reconciling names every kind of difference in usage, its months, and what balances paid."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.instalments import instalment
from tests.integration.test_reconcile import INJECTED, checks_that_find, differences
from tests.integration.usage_book import SILENT, START, TRAFFIC, UsageBook
from trueup.store.reconciliation import CHECKS
from trueup_worker.invoicing.adjust import adjust_commit

FEBRUARY = datetime(2030, 2, 1, tzinfo=UTC)
NEXT_YEAR = datetime(2031, 1, 1, tzinfo=UTC)
A_CLOSED_LINE = "at < '2030-02-01Z' AND NOT is_late"
AN_OPEN_LINE = "at >= '2030-03-01Z'"
BOOKED = (("commit", "booked_at"), ("usage_period", "booked_at"), ("usage_line", "booked_at"), ("audit", "at"))
BY_HAND = "SET LOCAL session_replication_role = replica"

# What is broken, and who else sees it: what it broke belongs to several things.
BROKEN = {
    "usage_line_without_customer": f"UPDATE usage_line SET customer_id = gen_random_uuid() WHERE {AN_OPEN_LINE}",
    "usage_line_without_contract": f"UPDATE usage_line SET contract_id = gen_random_uuid() WHERE {AN_OPEN_LINE}",
    "usage_line_without_product": f"UPDATE usage_line SET product_id = gen_random_uuid() WHERE {AN_OPEN_LINE}",
    "usage_period_without_contract": "DELETE FROM contract WHERE usage_invoicing = 'NONE'",
    "contract_of_usage": "UPDATE contract SET customer_id = gen_random_uuid() WHERE usage_invoicing = 'NONE'",
    "product_of_usage": "UPDATE product SET type = 'FIXED' WHERE name = 'Traffic'",
    "usage_without_month": "DELETE FROM usage_month",
    "usage_without_period": "UPDATE usage_line SET is_late = false WHERE is_late",
    "late_usage": f"UPDATE usage_line SET is_late = true WHERE {AN_OPEN_LINE}",
    "months_of_customer": "UPDATE customer SET usage_closed_before = '2030-02-01Z'",
    "usage_month_parked": "UPDATE usage_month SET state = 'parked'",
    "usage_month_overdue": "UPDATE account SET clock_at = '2030-04-02Z'",
    "invoice_of_period": "UPDATE invoice SET issued_at = '2030-01-31Z' WHERE type = 'USAGE' AND number = 1",
    "total_of_usage_invoice": "UPDATE invoice SET total = total + 1 WHERE type = 'USAGE' AND number = 1",
    "amount_of_usage_line": "UPDATE invoice_line SET unit_price = unit_price + 1 WHERE kind = 'usage' AND amount > 0",
    "quantity_of_period": f"UPDATE usage_line SET quantity = quantity + 1 WHERE {A_CLOSED_LINE}",
    "applied_of_period": "UPDATE invoice_line SET amount = amount + 1 WHERE kind = 'applied' AND NOT is_billed",
    "deduction_of_period": "UPDATE ledger_entry SET amount = amount + 1 WHERE type ~ '^POSTPAID.*DEDUCTION'",
    "deduction_without_period": "UPDATE ledger_entry SET period_id = NULL WHERE type ~ 'DEDUCT'",
    "period_of_entry": "UPDATE ledger_entry SET effective_at = '2030-01-31Z' WHERE period_id IS NOT NULL",
    "ledger_entry_without_usage_period": "UPDATE ledger_entry SET period_id = gen_random_uuid() WHERE type ~ 'DEDUCT'",
    "balance_below_zero": "UPDATE ledger_entry SET amount = -101 WHERE type ~ '^PREPAID.*DEDUCTION'",
    "balance_after_expiry": "UPDATE segment SET expires = false WHERE amount = 50",
    "expiry_overdue": "UPDATE segment SET expires = true WHERE ending_before < '2030-03-01Z'",
}
TOO = {
    "usage_line_without_customer": {"contract_of_usage"},
    "usage_period_without_contract": {"usage_line_without_contract"},
    "months_of_customer": {"usage_without_month"},
    "applied_of_period": {"charged_once"},
    "deduction_of_period": {"charged_once"},
    "deduction_without_period": {"deduction_of_period"},
    "ledger_entry_without_usage_period": {"deduction_of_period"},
    "balance_below_zero": {"deduction_of_period"},
}


@pytest.fixture
def used(database: Engine) -> UsageBook:
    """A sandbox in March 2030: two months are closed, one is open, one line was late."""
    book = UsageBook(database)
    instalment(book, book.commit("PREPAID", "100"), START, "100")
    book.commit("POSTPAID", "1000")
    book.commit("CREDIT", "7", ends=FEBRUARY)
    book.commit("CREDIT", "50", starts=NEXT_YEAR, ends=NEXT_YEAR.replace(year=2032))
    book.use(datetime(2030, 1, 10, 5, 30, tzinfo=UTC), "90.5", price="1.25")
    book.use(datetime(2030, 1, 11, 5, 30, tzinfo=UTC), "3", product_id=TRAFFIC, contract_id=SILENT)
    book.use(datetime(2030, 2, 10, 5, 30, tzinfo=UTC), "20", groups={"region": "eu"})
    book.use(datetime(2030, 3, 1, 5, 30, tzinfo=UTC), "5")
    book.go_to(datetime(2030, 3, 2, tzinfo=UTC))
    book.use(datetime(2029, 12, 10, tzinfo=UTC), "5")
    for table, column in (*BOOKED, ("account", "created_at")):
        book.run(f"{BY_HAND}; UPDATE {table} SET {column} = now() - interval '1 day'")
    return book


def test_where_all_agrees_nothing_is_found(used: UsageBook) -> None:
    """Closed months, open ones and late usage are no difference, and neither is a month that was just due."""
    assert differences(used) == []


def test_every_check_is_tested() -> None:
    """There is something broken for each check, here or among the invoices, under its name."""
    assert {check.name for check in CHECKS} == {*INJECTED, *BROKEN}


def test_each_difference_is_named(used: UsageBook) -> None:
    """What is broken is found by its check, and by those alone that look at the same thing from another side."""
    for name, statement in BROKEN.items():
        assert checks_that_find(used, statement, used.account_id) == {name, *TOO.get(name, ())}, name


def test_manual_entries_are_no_difference(used: UsageBook) -> None:
    """What an operator takes away may exceed what is there."""
    credit = used.commit("CREDIT", "3", starts=NEXT_YEAR, ends=NEXT_YEAR.replace(year=2032))
    with used.engine.begin() as connection:
        adjust_commit(
            connection, account_id=used.account_id, commit_id=credit, amount=Decimal(-5), reason="x", actor="key"
        )
    assert differences(used) == []
