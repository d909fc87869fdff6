"""A request's refusal with its body, and what has come of it since: commits, other refusals and batches of its like."""

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.ids import row_id, row_of
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.requests.refused import REFUSED_COLUMNS, RefusedRequest

LATER_MAX = 20  # of each way

_REFUSAL = text(f"{REFUSED_COLUMNS} FROM outcome AS o WHERE o.account_id = :account_id AND o.request_id = :request_id")

# A body that was kept with an earlier outcome is not the one that this outcome is of.
_BODY = text("""
    SELECT b.body, b.whole_bytes
      FROM refused_body AS b JOIN outcome AS o ON o.account_id = b.account_id AND o.request_id = b.request_id
     WHERE b.account_id = :account_id AND b.request_id = :request_id AND b.kept_at = o.decided_at
""")

_COMMIT = "id, 'commit' AS what, type AS outcome, booked_at AS at, batch_id FROM commit WHERE account_id = :account_id"
_LATER = text(f"""
    (SELECT 'the same request' AS by, {_COMMIT} AND id = :request_id)
    UNION ALL
    (SELECT 'uniqueness key', {_COMMIT} AND uniqueness_key = :uniqueness_key AND id <> :request_id)
    UNION ALL
    (SELECT 'Salesforce opportunity', {_COMMIT} AND salesforce_opportunity_id = :salesforce LIMIT {LATER_MAX})
    UNION ALL
    (SELECT 'NetSuite sales order', {_COMMIT} AND netsuite_sales_order_id = :netsuite LIMIT {LATER_MAX})
    UNION ALL
    (SELECT 'uniqueness key', o.request_id, 'request', o.outcome, o.decided_at, o.batch_id
       FROM outcome AS o
      WHERE o.account_id = :account_id AND o.uniqueness_key = :uniqueness_key AND o.decided_at >= :since
        AND o.request_id <> :request_id
      ORDER BY o.decided_at, o.request_id LIMIT {LATER_MAX})
    UNION ALL
    (SELECT 'file of failed rows', b.id, 'batch', b.kind, b.created_at, b.id
       FROM (SELECT * FROM batch WHERE account_id = :account_id AND created_at >= :since
              ORDER BY created_at LIMIT 5000) AS b
      WHERE strpos(b.source, :failed_file) > 0 ORDER BY b.created_at LIMIT {LATER_MAX})
     ORDER BY at
""")

# A corrected file often has the name of the one that it corrects; what was uploaded or piped has none of its own.
_NAMESAKES = text("""
    SELECT b.id
      FROM (SELECT * FROM batch WHERE account_id = :account_id AND created_at >= :since
             ORDER BY created_at LIMIT 5000) AS b
      JOIN batch AS refused ON refused.account_id = :account_id AND refused.id = :batch_id
     WHERE b.source = refused.source AND b.kind = refused.kind AND b.id <> refused.id
       AND b.source NOT IN ('upload', 'standard input') AND b.source NOT LIKE '/dev/%'
     ORDER BY b.created_at LIMIT :limit
""")
_SAME_ROWS = text(f"""
    (SELECT 'same row of a file of this name' AS by, {_COMMIT} AND id = ANY(:ids))
    UNION ALL
    (SELECT 'same row of a file of this name', o.request_id, 'request', o.outcome, o.decided_at, o.batch_id
       FROM outcome AS o WHERE o.account_id = :account_id AND o.request_id = ANY(:ids))
""")


@dataclass(frozen=True, slots=True)
class KeptBody:
    """A body as received; `whole_bytes`: its size, of which only the beginning is kept."""

    body: bytes
    whole_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Something that is of the same deal, by what the body says of it.

    Attributes:
        outcome: of a commit its type, of a batch its kind.
        by: what the two have in common.
    """

    at: datetime
    what: Literal["commit", "request", "batch"]
    outcome: str
    id: UUID
    by: str
    batch_id: UUID | None


def find_refusal(connection: Connection, account_id: int, request_id: UUID) -> RefusedRequest | None:
    """The refusal of a request, though it has become a commit since; None where it was never refused."""
    return fetch_one(connection, RefusedRequest, _REFUSAL, {"account_id": account_id, "request_id": request_id})


def find_body(connection: Connection, account_id: int, request_id: UUID) -> KeptBody | None:
    """The body that a refusal is of; None where it is not kept, or no longer."""
    return fetch_one(connection, KeptBody, _BODY, {"account_id": account_id, "request_id": request_id})


def find_later(
    connection: Connection,
    account_id: int,
    refusal: RefusedRequest,
    *,
    salesforce: str | None = None,
    netsuite: str | None = None,
) -> list[Later]:
    """Commits, refusals and batches of the same deal, in the order of time.

    Args:
        connection: a transaction.
        account_id: whose.
        refusal: of a request; a batch counts that was made of the file of failed rows of its batch, and the same row of
            a later file that is called as its own was.
        salesforce: the opportunity that its body names.
        netsuite: the sales order that its body names.
    """
    which = {
        "account_id": account_id,
        "request_id": refusal.request_id,
        "uniqueness_key": refusal.uniqueness_key,
        "since": refusal.first_decided_at,
        "salesforce": salesforce,
        "netsuite": netsuite,
        "failed_file": refusal.batch_id and f"{refusal.batch_id}.failed.",
    }
    found = [*fetch_all(connection, Later, _LATER, which), *_of_namesakes(connection, account_id, refusal)]
    found.sort(key=attrgetter("at"))
    return list({(each.what, each.id): each for each in reversed(found)}.values())[::-1]


def _of_namesakes(connection: Connection, account_id: int, refusal: RefusedRequest) -> list[Later]:
    """Commits and requests of the same row in later files of the same name."""
    which = {
        "account_id": account_id,
        "batch_id": refusal.batch_id,
        "since": refusal.first_decided_at,
        "limit": LATER_MAX,
    }
    batches = connection.scalars(_NAMESAKES, which).all() if refusal.batch_id else []
    if not batches:
        return []
    row = row_of(refusal.request_id)
    ids = [row_id(batch_id, row) for batch_id in batches]
    return fetch_all(connection, Later, _SAME_ROWS, {"account_id": account_id, "ids": ids})
