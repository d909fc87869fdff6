"""To void usage and to make it anew is neutral: balances, deductions, lines and totals are what they were."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SECOND, SILENT, START, STORAGE, TRAFFIC

HOURS = 24 * 59  # January and February
APRIL = datetime(2030, 4, 2, tzinfo=UTC)

USAGE = st.lists(
    st.tuples(
        st.integers(0, HOURS - 1),
        st.sampled_from(["1", "7.5", "20", "60"]),
        st.sampled_from(["1", "2.5", "0.5", "0"]),
        st.sampled_from([FIRST, SECOND, SILENT]),
        st.sampled_from([STORAGE, TRAFFIC]),
    ),
    min_size=1,
    max_size=9,
)
GRANTS = st.lists(
    st.tuples(
        st.sampled_from(["CREDIT", "PREPAID", "POSTPAID"]),
        st.integers(1, 150),
        st.sampled_from(["2030-01-11", "2030-02-01", "2030-02-20", "2031-01-01"]),
        st.integers(1, 3),
        st.sampled_from([None, [str(STORAGE)], [str(TRAFFIC)]]),
    ),
    min_size=1,
    max_size=4,
)
FEW = settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
MANY = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def assert_neutral(book: ChangeBook, usage: list, grants: list, chance: Random) -> None:
    """Voids each period and makes it anew, in any order, true-ups before and after; the scheduler looks in between."""
    for kind, amount, ends, priority, products in grants:
        due = {"schedule_items": [{"timestamp": f"{ends}T00:00:00Z", "amount": amount}]}
        invoiced = {"invoice_schedule": due} if kind == "POSTPAID" else {}
        book.request(kind, amount, ends, priority=priority, applicable_product_ids=products, **invoiced)
    for hour, quantity, price, contract_id, product_id in usage:
        at = START + timedelta(hours=hour)
        book.use(at, quantity, price, contract_id=contract_id, product_id=str(product_id))
    book.go_to(APRIL)
    before = book.finances()
    true_ups = [invoice.id for invoice in book.invoices() if invoice.type == "SCHEDULED"]
    periods = [row.id for row in book.rows("SELECT id FROM usage_period WHERE account_id = :account_id ORDER BY id")]
    chance.shuffle(periods)
    for key in true_ups:
        book.void(key)
    for key in periods:
        book.void(key)
        if chance.random() < 0.5:
            book.work()
        book.regenerate(key)
    for key in true_ups:
        book.regenerate(key)
    book.work()
    assert book.finances() == before
    assert book.differences() == []


@FEW
@given(usage=USAGE, grants=GRANTS, chance=st.randoms(use_true_random=False))
def test_void_and_regenerate_is_neutral(common_database: Engine, usage: list, grants: list, chance: Random) -> None:
    """Whatever was used under whichever promises, whatever has expired or was trued up since."""
    assert_neutral(ChangeBook(common_database), usage, grants, chance)


@pytest.mark.slow
@MANY
@given(usage=USAGE, grants=GRANTS, chance=st.randoms(use_true_random=False))
def test_void_and_regenerate_is_neutral_at_length(
    common_database: Engine, usage: list, grants: list, chance: Random
) -> None:
    """The same, for longer."""
    assert_neutral(ChangeBook(common_database), usage, grants, chance)
