"""Requests that made no commit of their own, found by when and why: newest first, a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.index_lookup import lacks
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage
from trueup.store.requests.outcomes import outcome_of_row
from trueup.wire.outcome import Outcome, Verdict

_PLACES = {
    "since": "decided_at >= :since",
    "until": "decided_at < :until",
    "before_at": "(decided_at, request_id) < (CAST(:before_at AS timestamptz), CAST(:before_id AS uuid))",
}
_ORDER = "ORDER BY decided_at DESC, request_id DESC"

_FOUND = Filtered(
    lambda given: text(f"""
    SELECT o.request_id, o.outcome, o.attempt, o.decided_at, o.errors, o.more, o.existing, o.reason, o.batch_id
      FROM (SELECT * FROM outcome WHERE account_id = :account_id{given} {_ORDER} LIMIT {SEARCHED_ROWS_MAX}) AS o
     WHERE (CAST(:outcome AS text) IS NULL OR o.outcome = :outcome)
       AND (CAST(:errors AS jsonb) IS NULL OR o.errors @> CAST(:errors AS jsonb))
       AND {lacks("commit", "id", "o.request_id")}
       AND {lacks("usage_line", "request_id", "o.request_id")}
     {_ORDER} LIMIT :limit
"""),
    _PLACES,
)

_LAST_SEARCHED = Filtered(
    lambda given: text(f"""
    SELECT decided_at, request_id FROM outcome
     WHERE account_id = :account_id{given} {_ORDER} OFFSET {SEARCHED_ROWS_MAX - 1} LIMIT 1
"""),
    _PLACES,
)


class Place(NamedTuple):
    """Place of a request among the others."""

    decided_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedChoice:
    """Which of them: what is given must all hold.

    Attributes:
        code: of any of its errors.
        since: decided then or later.
        until: decided before.
    """

    outcome: Verdict | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def search_refused(
    connection: Connection, account_id: int, choice: RefusedChoice, *, limit: int, after: Place | None = None
) -> SearchPage[Outcome, Place]:
    """Find up to `limit` among the next 5,000, which may hold none, with more to come.

    Args:
        after: where the page before has searched to: those are older.
    """
    which: dict[str, Any] = {
        "account_id": account_id,
        "limit": limit,
        "outcome": choice.outcome,
        "errors": None if choice.code is None else orjson.dumps([{"code": choice.code}]).decode(),
        "since": choice.since,
        "until": choice.until,
        "before_at": after and after.decided_at,
        "before_id": after and after.id,
    }
    found = [outcome_of_row(row) for row in connection.execute(_FOUND.given(which), which)]
    if len(found) == limit:
        return SearchPage(found, Place(found[-1].decided_at, found[-1].request_id))
    last = connection.execute(_LAST_SEARCHED.given(which), which).one_or_none()
    return SearchPage(found, None if last is None else Place(*last))
