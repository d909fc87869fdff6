"""Total that an account has parked: beyond a bound only beginnings are kept, beyond twice that it is only counted.

`parked_total.bytes` is the sum over the account's rows in state `parked`, kept with every change of them, as the sum
itself would take longer than the parking.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.limits import PARKED_BYTES_MAX, PARKED_EXCERPT_BYTES

_BYTES = text("SELECT bytes FROM parked_total WHERE account_id = :account_id")

_ADD = text("""
    INSERT INTO parked_total AS t (account_id, bytes, unkept) VALUES (:account_id, :bytes, :unkept)
    ON CONFLICT (account_id) DO UPDATE SET (bytes, unkept) = (t.bytes + excluded.bytes, t.unkept + excluded.unkept)
""")

_SUBTRACT = text("""
    UPDATE parked_total AS t SET bytes = t.bytes - gone.bytes
      FROM (SELECT coalesce(sum(octet_length(meta) + octet_length(requests)), 0) AS bytes FROM parked
             WHERE account_id = :account_id AND state = 'parked' AND id = ANY(CAST(:ids AS uuid[]))) AS gone
     WHERE t.account_id = :account_id
""")

_UNKEPT = text("SELECT coalesce(max(unkept), 0) FROM parked_total WHERE account_id = :account_id")

Arguments = tuple[bytes, bytes]


def fit(connection: Connection, account_id: int, arguments: Arguments) -> Arguments | None:
    """As much of a message's two arguments as is kept: all, their beginnings, or nothing.

    What several transactions park at the same moment may exceed the bound by as much.
    """
    taken = connection.scalar(_BYTES, {"account_id": account_id}) or 0
    if taken + sum(map(len, arguments)) <= PARKED_BYTES_MAX:
        return arguments
    if taken >= 2 * PARKED_BYTES_MAX:
        return None
    meta, requests = arguments
    return meta[: PARKED_EXCERPT_BYTES // 2], requests[:PARKED_EXCERPT_BYTES]


def add(connection: Connection, account_id: int, *, size_bytes: int, unkept: int = 0) -> None:
    """Note that so much is parked, or one more only counted."""
    connection.execute(_ADD, {"account_id": account_id, "bytes": size_bytes, "unkept": unkept})


def subtract(connection: Connection, account_id: int, ids: Collection[UUID]) -> None:
    """Note that these rows, which are locked, will not be parked any more."""
    connection.execute(_SUBTRACT, {"account_id": account_id, "ids": list(ids)})


def count_unkept_of(connection: Connection, account_id: int) -> int:
    """Number of messages and requests of the account that were only counted: their outcomes tell of them."""
    return int(connection.execute(_UNKEPT, {"account_id": account_id}).scalar_one())
