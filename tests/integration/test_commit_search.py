"""Commits found by what their key, name or id elsewhere begins with."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from tests.conftest import by_hand
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.store.accounts.accounts import create_account
from trueup.store.commits.search import CommitChoice, FoundPlace, place_of, search_commits

NAMES = ("uniqueness_key", "name", "salesforce_opportunity_id", "netsuite_sales_order_id")
CUSTOMERS = [UUID(int=1), UUID(int=2)]
_INSERT = text("""
    INSERT INTO commit (account_id, id, type, customer_id, product_id, priority, rate_type, access_type, access_unit_id,
                        fingerprint, fingerprint_version, created_at, archived_at, uniqueness_key, name,
                        salesforce_opportunity_id, netsuite_sales_order_id)
    VALUES (:account_id, :id, 'PREPAID', :customer_id, :id, 1, 'LIST_RATE', 'SPEND', :id, '', 1, now(),
            CASE WHEN :is_archived THEN now() END, :uniqueness_key, :name, :salesforce_opportunity_id,
            :netsuite_sales_order_id)
""")

texts = st.text("aAé_%😀", min_size=1, max_size=3)
commits = st.lists(
    st.fixed_dictionaries(
        {name: st.none() | texts for name in NAMES[1:]}
        | {"customer_id": st.sampled_from(CUSTOMERS), "is_archived": st.booleans(), "uniqueness_key": st.none() | texts}
    ),
    max_size=12,
    unique_by=lambda each: each["uniqueness_key"] or object(),
)


@pytest.fixture(scope="module")
def connection(shared_database: Engine) -> Iterator[Connection]:
    """The superuser's, so that each example makes commits by hand, which are gone afterwards."""
    with by_hand(shared_database) as connection:
        yield connection
        connection.rollback()


def first_name(commit: dict[str, Any], beginning: str) -> int:
    """Which of its names begins so first; as many as there are: none does."""
    begin = [str(commit[name] or "").startswith(beginning) and bool(commit[name]) for name in NAMES]
    return begin.index(True) if True in begin else len(NAMES)


@given(
    made=commits,
    beginning=texts,
    limit=st.integers(1, 5),
    choice=st.builds(
        CommitChoice,
        customer_id=st.sampled_from([None, *CUSTOMERS]),
        is_archived=st.sampled_from([None, True, False]),
    ),
)
@settings(max_examples=60, deadline=None)
def test_each_is_found_once_in_order_whatever_the_pages(
    connection: Connection, made: list[dict[str, Any]], beginning: str, limit: int, choice: CommitChoice
) -> None:
    """By the first of its names that begins so, these in the order of their code points, alike ones by their ids."""
    with connection.begin_nested() as nested:
        account_id = create_account(connection, str(new_id()), now=utc_now()).id
        stored = [each | {"id": new_id(), "account_id": account_id} for each in made]
        if stored:
            connection.execute(_INSERT, stored)
        found, after = [], None
        while True:
            page = search_commits(connection, account_id, beginning, limit=limit, choice=choice, after=after)
            found += [each.id for each in page.rows]
            if page.searched_to is None:
                break
            after = place_of(str(page.searched_to))
        nested.rollback()
    wanted = [
        (rank, each[NAMES[rank]], each["id"])
        for each in stored
        if (rank := first_name(each, beginning)) < len(NAMES)
        and choice.customer_id in (None, each["customer_id"])
        and choice.is_archived in (None, each["is_archived"])
    ]
    assert found == [commit_id for *_, commit_id in sorted(wanted)]


@pytest.mark.parametrize("told", ["", "key", "key.", "colour.5e78454d-f065-41c2-84cc-4549c1acc990", "key.4711"])
def test_a_place_that_is_none_is_refused(told: str) -> None:
    """Only what a page has said is one."""
    with pytest.raises(ValueError, match=r".*"):
        place_of(told)


def test_a_place_is_read_as_it_is_told() -> None:
    """It survives its text."""
    place = FoundPlace("netsuite", UUID(int=7))
    assert place_of(str(place)) == place
