"""Look-ups of batches: which record each text of a file was found to name, kept from a batch's first run on."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

_READ = text("""
    SELECT digest, kind, named, CAST(record_id AS text), record_name
      FROM batch_lookup WHERE account_id = :account_id AND batch_id = :batch_id
""")
_KEEP = text("""
    INSERT INTO batch_lookup (account_id, batch_id, digest, kind, named, record_id, record_name)
    SELECT :account_id, :batch_id, k.*
      FROM unnest(CAST(:digests AS bytea[]), CAST(:kinds AS text[]), CAST(:named AS text[]), CAST(:ids AS uuid[]),
                  CAST(:names AS text[])) AS k
    ON CONFLICT DO NOTHING
""")
_ROWS_AT_ONCE = 10_000


class KeptLookup(NamedTuple):
    """A look-up that found its record.

    Attributes:
        digest: SHA-256 of what was asked for.
        kind: of the record.
        named: the text in the file.
        record_id: the record that it named then.
        record_name: what that was called then.
    """

    digest: bytes
    kind: str
    named: str
    record_id: str
    record_name: str


def read_lookups(connection: Connection, account_id: int, batch_id: UUID) -> list[KeptLookup]:
    """All look-ups that a batch has kept."""
    which = {"account_id": account_id, "batch_id": batch_id}
    return [KeptLookup(bytes(row[0]), *row[1:]) for row in connection.execute(_READ, which)]


def keep_lookups(connection: Connection, account_id: int, batch_id: UUID, found: Collection[KeptLookup]) -> None:
    """Keep look-ups, but for those that are there already: the first answer stands."""
    listed = sorted(found)  # in one order, so that two runs at once wait for each other
    for start in range(0, len(listed), _ROWS_AT_ONCE):
        some = listed[start : start + _ROWS_AT_ONCE]
        connection.execute(
            _KEEP,
            {
                "account_id": account_id,
                "batch_id": batch_id,
                "digests": [each.digest for each in some],
                "kinds": [each.kind for each in some],
                "named": [each.named for each in some],
                "ids": [each.record_id for each in some],
                "names": [each.record_name for each in some],
            },
        )
