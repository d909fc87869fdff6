"""What a page of a list costs, under the plans of production: as much with many rows stored as with few."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from tests.conftest import by_hand
from tests.integration.explained import explain_all
from tests.stored_lists import BIG, COMBINED, LISTS, PAGE_ROWS, insert_rows
from trueup.clock import utc_now
from trueup.store.accounts.accounts import create_account
from trueup.store.catalog.search import FoundContract, FoundCustomer, FoundProduct, search_catalog
from trueup.store.commits.search import CommitChoice, list_commits
from trueup.store.invoices.listing import list_invoices
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage
from trueup.store.requests.parked_messages import list_parked
from trueup.store.requests.refused import Place, RefusedChoice, search_refused
from trueup_worker.exports.commits import COMMITS
from trueup_worker.exports.export import Span

BUFFERS_MAX = 300
REFUSED_ROWS = 100_000  # of few more than a page looks at, Postgres may read and sort all
CATALOG_ROWS = 20_000
CATALOG = {
    FoundCustomer: """
        INSERT INTO customer (account_id, id, name)
        SELECT :account_id, gen_random_uuid(), 'A customer' FROM generate_series(1, :rows)""",
    FoundProduct: """
        INSERT INTO product (account_id, id, name, type, tags)
        SELECT :account_id, gen_random_uuid(), 'A product', 'FIXED', '{}' FROM generate_series(1, :rows)""",
    FoundContract: """
        INSERT INTO contract (account_id, id, customer_id, starting_at, kept)
        SELECT :account_id, gen_random_uuid(), (SELECT id FROM customer WHERE account_id = :account_id LIMIT 1),
               '2025-01-01Z', '{"name": "A contract"}' FROM generate_series(1, :rows)""",
}


@pytest.fixture(scope="module")
def stored(shared_database: Engine) -> Iterator[tuple[Connection, int]]:
    """A connection of the application to an account with 40,000 commits, half of them of one customer."""
    with shared_database.begin() as connection:
        account_id = create_account(connection, "large", now=utc_now()).id
    with by_hand(shared_database) as connection:
        insert_rows(connection, account_id, commits=40_000, others=20_000, refused=REFUSED_ROWS)
    with shared_database.connect() as connection:
        yield connection, account_id


@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_a_page_of_a_list_reads_few_pages_of_the_database(
    stored: tuple[Connection, int], read: Callable[[Connection, int], object]
) -> None:
    """None reads a big table from end to end, and all look at no more than 300 buffers."""
    connection, account_id = stored
    for each in explain_all(connection, lambda: read(connection, account_id)):
        assert not each.scanned & BIG, each.statement
        assert each.buffers <= BUFFERS_MAX, each


@pytest.mark.parametrize("kind", ["drafts", "parked"])
def test_a_later_page_goes_on_where_the_last_one_ended(stored: tuple[Connection, int], kind: str) -> None:
    """Rows are found by their place in the order, and not counted from the first."""
    connection, account_id = stored
    read: Callable[..., SearchPage[Any, UUID]] = {
        "drafts": partial(list_invoices, status="DRAFT"),
        "parked": list_parked,
    }[kind]
    first = read(connection, account_id, limit=PAGE_ROWS)
    next_page = partial(read, connection, account_id, limit=PAGE_ROWS, after=first.searched_to)
    assert [*first.rows, *next_page().rows] == read(connection, account_id, limit=2 * PAGE_ROWS).rows
    assert max(each.buffers for each in explain_all(connection, next_page)) <= BUFFERS_MAX


def test_what_has_no_index_is_searched_some_thousand_rows_a_page(stored: tuple[Connection, int]) -> None:
    """A page says how far it has searched, found or not, and the pages together find all that there is."""
    connection, account_id = stored
    choice, pages = RefusedChoice(code="rare"), 0
    after: Place | None = None
    while not (page := search_refused(connection, account_id, choice, limit=PAGE_ROWS, after=after)).rows:
        assert page.searched_to is not None
        after, pages = page.searched_to, pages + 1
    assert [each.errors[0]["code"] for each in page.rows] == ["rare"]
    assert pages == REFUSED_ROWS // SEARCHED_ROWS_MAX - 1


def test_commits_of_a_rare_type_are_searched_likewise(stored: tuple[Connection, int]) -> None:
    """No page reads all commits for those of a type that there is none of, and the last one says that it is."""
    connection, account_id = stored
    after, pages = None, 0
    while (
        page := list_commits(connection, account_id, limit=9, choice=CommitChoice(type="CREDIT"), after=after)
    ).searched_to:
        assert not page.rows
        after, pages = page.searched_to, pages + 1
    assert pages == 40_000 // (SEARCHED_ROWS_MAX // 2)


def test_an_export_of_commits_reads_no_table_for_each_of_them(stored: tuple[Connection, int]) -> None:
    """What it sums up of a commit is found by indexes."""
    connection, account_id = stored
    read = explain_all(connection, lambda: list(COMMITS.rows(connection, account_id, Span())))
    (summing,) = (each for each in read if "ledger_entry" in each.statement)
    assert summing.scanned <= {"commit", "customer", "product", "unit", "account"}


@pytest.mark.parametrize("kind", CATALOG)
def test_a_piece_of_a_name_is_searched_likewise(shared_database: Engine, kind: type[Any]) -> None:
    """A page of customers, products or contracts looks at 5,000 of them, and says how far it came."""
    with shared_database.begin() as connection:
        account_id = create_account(connection, f"with many of {kind.__name__}", now=utc_now()).id
    with by_hand(shared_database) as connection:
        for each, rows in {FoundCustomer: 1, kind: CATALOG_ROWS}.items():
            connection.execute(text(CATALOG[each]), {"account_id": account_id, "rows": rows})
        connection.execute(text("ANALYZE customer, product, contract"))
    with shared_database.connect() as connection:
        search = partial(search_catalog, connection, account_id, kind, limit=PAGE_ROWS, piece="Nobody")
        assert not search().rows
        reached = search().searched_to
        table = kind.__name__.removeprefix("Found").lower()
        before = text(f"SELECT count(*) FROM {table} WHERE account_id = :account_id AND id <= :reached")
        searched = connection.scalar(before, {"account_id": account_id, "reached": reached})
        looked_at = [each.looked_at.get(table, 0) for each in explain_all(connection, search)]
    assert (searched, max(looked_at)) == (SEARCHED_ROWS_MAX, SEARCHED_ROWS_MAX)


@pytest.mark.parametrize(("read", "choices"), COMBINED.values(), ids=COMBINED)
def test_no_set_of_filters_looks_at_more_rows_than_a_search(
    stored: tuple[Connection, int],
    read: Callable[[Connection, int, Mapping[str, Any]], object],
    choices: list[dict[str, object]],
) -> None:
    """Whatever is given together, no page reads a big table from end to end, nor more than 5,000 rows of one.

    The row that a page begins after is looked up beside them.
    """
    connection, account_id = stored
    for given in choices:
        for each in explain_all(connection, partial(read, connection, account_id, given)):
            assert not each.scanned & BIG, (given, each.statement)
            looked_at = {table: rows for table, rows in each.looked_at.items() if table in BIG}
            assert max(looked_at.values(), default=0) <= SEARCHED_ROWS_MAX + 1, (given, looked_at, each)
