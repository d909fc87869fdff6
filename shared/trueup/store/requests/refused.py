"""Requests that made no commit of their own, found by when, why and whose: newest first, or by the rows of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.ids import row_id, row_of
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.index_lookup import lacks
from trueup.store.postgres.rows import fetch_all
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage
from trueup.wire.outcome import Verdict

REFUSED_COLUMNS = """
    SELECT o.request_id, o.outcome, o.attempt, coalesce(o.first_decided_at, o.decided_at) AS first_decided_at,
           o.decided_at, o.errors, o.more, o.existing, o.reason, o.batch_id, o.customer, o.uniqueness_key
"""
# Of the rows that are searched, so that what is not given costs no plan.
_WANTED = f"""
     WHERE (CAST(:outcome AS text) IS NULL OR o.outcome = :outcome)
       AND (CAST(:errors AS jsonb) IS NULL OR o.errors @> CAST(:errors AS jsonb))
       AND (CAST(:customer AS text) IS NULL OR o.customer = :customer)
       AND (CAST(:uniqueness_key AS text) IS NULL OR o.uniqueness_key = :uniqueness_key)
       AND (CAST(:since AS timestamptz) IS NULL OR o.decided_at >= :since)
       AND (CAST(:until AS timestamptz) IS NULL OR o.decided_at < :until)
       AND {lacks("commit", "id", "o.request_id")}
       AND {lacks("usage_line", "request_id", "o.request_id")}
"""
_ROW_MAX = (1 << 30) - 1


class _Search:
    """Pages of outcomes in one order; `places` bounds the stretch that is searched."""

    def __init__(self, order: str, places: Mapping[str, str]) -> None:
        def searched(given: str, what: str) -> str:
            return f"SELECT {what} FROM outcome WHERE account_id = :account_id{given} ORDER BY {order}"

        self.found = Filtered(
            lambda given: text(f"""
    {REFUSED_COLUMNS} FROM ({searched(given, "*")} LIMIT {SEARCHED_ROWS_MAX}) AS o
    {_WANTED} ORDER BY {order} LIMIT :limit
"""),
            places,
        )
        self.last = Filtered(
            lambda given: text(f"{searched(given, 'decided_at, request_id')} OFFSET {SEARCHED_ROWS_MAX - 1} LIMIT 1"),
            places,
        )


_NEWEST = _Search(
    "decided_at DESC, request_id DESC",
    {
        "of_customer": "customer = :of_customer",
        "of_key": "uniqueness_key = :of_key",
        "since": "decided_at >= :since",
        "until": "decided_at < :until",
        "before_at": "(decided_at, request_id) < (CAST(:before_at AS timestamptz), CAST(:before_id AS uuid))",
    },
)
# The ids of a batch ascend with its rows and stand side by side.
_BY_ROW = _Search(
    "request_id",
    {
        "outcome": "batch_id = :batch_id AND outcome = :outcome",
        "after_id": "request_id > :after_id AND request_id <= :last_id",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequest:
    """A request that made no commit of its own.

    Attributes:
        first_decided_at: when it was first refused.
        decided_at: when it was refused as it stands: later, where its sender had it judged anew.
        customer: as its body names it, where that can be read.
        uniqueness_key: as its body gives it; of a usage line its transaction id.
    """

    request_id: UUID
    outcome: Verdict
    attempt: int
    first_decided_at: datetime
    decided_at: datetime
    errors: Sequence[dict[str, Any]]
    more: int
    existing: dict[str, Any] | None
    reason: str | None
    batch_id: UUID | None
    customer: str | None
    uniqueness_key: str | None


class Place(NamedTuple):
    """Place of a request among the others."""

    decided_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedChoice:
    """Which of them: what is given must all hold.

    Attributes:
        code: of any of its errors.
        customer: as the body names it, in lower case.
        since: decided then or later.
        until: decided before.
    """

    outcome: Verdict | None = None
    code: str | None = None
    customer: str | None = None
    uniqueness_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def search_refused(
    connection: Connection, account_id: int, choice: RefusedChoice, *, limit: int, after: Place | None = None
) -> SearchPage[RefusedRequest, Place]:
    """Find up to `limit` among the next 5,000 of the customer, the key or all; they may hold none, with more to come.

    Args:
        connection: a transaction.
        account_id: whose.
        choice: which.
        limit: at most this many.
        after: where the page before has searched to: those are older.
    """
    place = {"before_at": after and after.decided_at, "before_id": after and after.id}
    narrowed = choice.uniqueness_key is None
    driven = {"of_key": choice.uniqueness_key, "of_customer": choice.customer if narrowed else None}
    return _page(connection, _NEWEST, _parameters(account_id, choice, limit) | place | driven)


def search_refused_of_batch(
    connection: Connection, account_id: int, batch_id: UUID, choice: RefusedChoice, *, limit: int, after: int = 0
) -> SearchPage[RefusedRequest, int]:
    """Find up to `limit` among the next 5,000 of a batch, in the order of its rows.

    Args:
        connection: a transaction.
        account_id: whose.
        batch_id: of this batch.
        choice: which.
        limit: at most this many.
        after: the row to which the page before has searched.
    """
    stretch = {"after_id": row_id(batch_id, after), "last_id": row_id(batch_id, _ROW_MAX), "batch_id": batch_id}
    page = _page(connection, _BY_ROW, _parameters(account_id, choice, limit) | stretch)
    return SearchPage(page.rows, None if page.searched_to is None else row_of(page.searched_to.id))


def _parameters(account_id: int, choice: RefusedChoice, limit: int) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "limit": limit,
        "outcome": choice.outcome,
        "errors": None if choice.code is None else orjson.dumps([{"code": choice.code}]).decode(),
        "customer": choice.customer,
        "uniqueness_key": choice.uniqueness_key,
        "since": choice.since,
        "until": choice.until,
    }


def _page(connection: Connection, search: _Search, which: dict[str, Any]) -> SearchPage[RefusedRequest, Place]:
    found = fetch_all(connection, RefusedRequest, search.found.given(which), which)
    if len(found) == which["limit"]:
        return SearchPage(found, Place(found[-1].decided_at, found[-1].request_id))
    last = connection.execute(search.last.given(which), which).one_or_none()
    return SearchPage(found, None if last is None else Place(*last))
