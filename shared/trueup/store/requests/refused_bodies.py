"""Bodies of refused requests, kept for a term beside their outcomes, in the statement that stores these.

Nothing is written for what is created, and one row for what is refused: a body is at most 256 KiB, a longer text is
kept by its beginning.
"""

from base64 import b64encode
from typing import Any

from sqlalchemy import Connection, text

from trueup.limits import BODY_BYTES_MAX, RAW_EXCERPT_BYTES

# A part of the statement that stores outcomes: `stored` tells which of them it stored, and when they were decided.
KEPT_BODIES = """
kept AS (
    INSERT INTO refused_body (account_id, request_id, body, whole_bytes, kept_at)
    SELECT :account_id, r.request_id, decode(r.body, 'base64'), r.whole_bytes, stored.decided_at
      FROM stored JOIN json_to_recordset(CAST(:bodies AS json)) AS r(request_id uuid, body text, whole_bytes integer)
           USING (request_id)
    ON CONFLICT (account_id, request_id) DO UPDATE
       SET (body, whole_bytes, kept_at) = (excluded.body, excluded.whole_bytes, excluded.kept_at)
)
"""

_FORGET = text("SELECT trim_refused_body(make_interval(days => :days), :limit)")


def body_row(request_id: str, body: str | bytes, *, whole_bytes: int | None = None) -> dict[str, Any]:
    """Row of a body that is kept.

    Args:
        request_id: whose.
        body: as received.
        whole_bytes: its size, where it is the beginning of a longer one already.
    """
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    if len(raw) > BODY_BYTES_MAX:
        raw, whole_bytes = raw[:RAW_EXCERPT_BYTES], whole_bytes or len(raw)
    elif whole_bytes is not None and whole_bytes <= len(raw):
        whole_bytes = None
    return {"request_id": request_id, "body": b64encode(raw).decode(), "whole_bytes": whole_bytes}


def forget_bodies(connection: Connection, *, days: int, limit: int) -> None:
    """Remove bodies that were kept longer, of all accounts, some at a time.

    Args:
        connection: a transaction.
        days: at least one.
        limit: at most this many.
    """
    connection.execute(_FORGET, {"days": days, "limit": limit})
