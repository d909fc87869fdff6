"""Creates over HTTP that their client may send again by itself: which request each of them brought.

A try is noted while its request is on its way. A retry claims a try of the same digest that nobody has claimed, and is
noted as a try of the same request itself, so that the next retry finds it; without one it is the first try of a new
request. Ids do the rest: a request that is sent again under its id gets the answer that it got, or will get.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncCursor
from sqlalchemy import Connection, text

from trueup.store.postgres.index_lookup import lacks

RETRIES_MAX = 32_767  # that a count tells apart
_LOOKED_AT_MAX = 100  # of the youngest tries of one digest

# The same statement may run twice, when the answer to it was lost.
_NOTE = """
    INSERT INTO create_try (account_id, digest, request_id, retries)
    SELECT %(account_id)s, decode(digest, 'hex'), request_id, 0
      FROM unnest(CAST(%(digests)s AS text[]), CAST(%(ids)s AS uuid[])) AS tried (digest, request_id)
        ON CONFLICT DO NOTHING
"""

_NO_ANSWER = " AND ".join(
    lacks(table, "id" if table == "commit" else "request_id", "young.request_id", account="%(account_id)s")
    for table in ("commit", "outcome")
)

# Whoever is being claimed is passed by: each try is claimed once. Tries without an answer come first.
_CLAIM = f"""
WITH young AS MATERIALIZED (
    SELECT request_id, retries, tried_at, is_lost FROM create_try
     WHERE account_id = %(account_id)s AND digest = %(digest)s AND NOT is_claimed AND retries < %(retries)s
       AND tried_at > now() - make_interval(mins => %(minutes)s)
     ORDER BY tried_at DESC, request_id DESC LIMIT {_LOOKED_AT_MAX}
), ranked AS MATERIALIZED (
    SELECT request_id, retries, row_number() OVER (
        ORDER BY is_lost OR ({_NO_ANSWER}) DESC, tried_at DESC, request_id DESC) AS rank
      FROM young
), claimed AS (
    UPDATE create_try SET is_claimed = true
     WHERE account_id = %(account_id)s AND digest = %(digest)s AND (request_id, retries) = (
        SELECT tried.request_id, tried.retries
          FROM create_try AS tried JOIN ranked USING (request_id, retries)
         WHERE account_id = %(account_id)s AND digest = %(digest)s AND NOT is_claimed
         ORDER BY rank LIMIT 1 FOR UPDATE OF tried SKIP LOCKED)
    RETURNING request_id
)
INSERT INTO create_try (account_id, digest, request_id, retries)
SELECT %(account_id)s, %(digest)s, coalesce((SELECT request_id FROM claimed), CAST(%(new_id)s AS uuid)), %(retries)s
RETURNING CAST(request_id AS text)
"""

_LOSE = """
    UPDATE create_try SET is_lost = true WHERE account_id = %(account_id)s AND digest = %(digest)s
       AND request_id = CAST(%(request_id)s AS uuid) AND retries = %(retries)s
"""

_FORGET = text("SELECT trim_create_try(make_interval(mins => :minutes), :limit)")


async def note_tries(
    cursor: "AsyncCursor[Any]", account_id: int, *, digests: Sequence[bytes], request_ids: Sequence[str]
) -> None:
    """Note first tries, each with its request."""
    told = {
        "account_id": account_id,
        "digests": f"{{{','.join(each.hex() for each in digests)}}}",
        "ids": f"{{{','.join(request_ids)}}}",
    }
    await cursor.execute(_NOTE, told, prepare=True)


async def claim_try(
    cursor: "AsyncCursor[Any]", account_id: int, digest: bytes, *, retries: int, new_id: str, minutes: int
) -> str:
    """The request that a retry is to send again, or `new_id` where it finds none; not to be asked twice for one call.

    Args:
        cursor: in autocommit.
        account_id: whose call.
        digest: of the call.
        retries: how many times the client has sent it before; its tries have told fewer.
        new_id: for a request of its own.
        minutes: for how long tries are good.
    """
    told = {"account_id": account_id, "digest": digest, "retries": retries, "new_id": new_id, "minutes": minutes}
    await cursor.execute(_CLAIM, told, prepare=True)
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def lose_try(
    cursor: "AsyncCursor[Any]", account_id: int, digest: bytes, *, request_id: str, retries: int
) -> None:
    """Note that nobody heard the answer to a try."""
    told = {"account_id": account_id, "digest": digest, "request_id": request_id, "retries": retries}
    await cursor.execute(_LOSE, told, prepare=True)


def forget_tries(connection: Connection, *, minutes: int, limit: int) -> None:
    """Delete tries that are older, up to `limit` of them."""
    connection.execute(_FORGET, {"minutes": minutes, "limit": limit})
