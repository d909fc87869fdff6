"""Identifiers: made at the door, never by the database.

A request's id is the id of the commit it makes, so whoever makes the id decides what "the same request" means.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from uuid import UUID, uuid5

import uuid_utils

_BATCH_NAMESPACE = UUID("6f0c1f7a-5d0e-5b42-9c58-3a5a2f4b7e11")
_ROW_BITS = 30
_VARIANT = 2 << _ROW_BITS


def new_id() -> UUID:
    """A fresh time-ordered id (UUID version 7)."""
    return UUID(int=uuid_utils.uuid7().int)


def new_id_text() -> str:
    """As `new_id`, as text, in a third of the time."""
    return str(uuid_utils.uuid7())


def batch_id_from_content(account: str, sha256_hex: str, kind: str) -> UUID:
    """The id of the batch that this account makes of this (uncompressed) content."""
    return uuid5(_BATCH_NAMESPACE, f"content\n{account}\n{kind}\n{sha256_hex}")


def batch_id_from_name(account: str, name: str) -> UUID:
    """The id of the batch that this account calls by this name."""
    return uuid5(_BATCH_NAMESPACE, f"name\n{account}\n{name}")


def row_id(batch_id: UUID, row: int) -> UUID:
    """The id of a batch's row: a UUID version 8 that ascends with the row, so that index pages fill in order.

    Layout: 60 bits of the batch's hash, 30 bits of row number, 32 bits of hash.

    Raises:
        ValueError: the row is not in 0 … 2^30-1.
    """
    return UUID(int=_row(batch_id, row))


def row_id_texts(batch_id: UUID) -> Callable[[int], str]:
    """Function from a row's number to its id as text, as `row_id` in a third of the time; raises as it does."""
    text = str(row_id(batch_id, 0))
    before, after = text[:19], text[28:]  # the eight digits between them, and their hyphen, hold the row

    def text_of(row: int) -> str:
        _check_row(row)
        digits = f"{_VARIANT | row:08x}"
        return f"{before}{digits[:4]}-{digits[4:]}{after}"

    return text_of


def _row(batch_id: UUID, row: int) -> int:
    _check_row(row)
    return _row_zero(batch_id) | row << 32


def _check_row(row: int) -> None:
    if not 0 <= row < 1 << _ROW_BITS:
        raise ValueError(f"row {row} is out of range: a batch has at most {1 << _ROW_BITS} rows")


@lru_cache(16)
def _row_zero(batch_id: UUID) -> int:
    digest = int.from_bytes(hashlib.sha256(batch_id.bytes).digest()[:16])
    high, middle, low = digest >> 80, (digest >> 68) & 0xFFF, digest & 0xFFFFFFFF
    return high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low


def row_of(request_id: UUID) -> int:
    """The row number inside an id made by `row_id`."""
    return request_id.int >> 32 & (1 << _ROW_BITS) - 1
