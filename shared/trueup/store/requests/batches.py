"""Batches: files that were ingested, counted at the door."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from trueup.errors import ExitCode, TrueupError
from trueup.store.tables import batch
from trueup.wire.message.envelope import Kind


class BatchDiffers(TrueupError):
    """The batch exists, with other content."""

    code = "duplicate"


class BatchUndone(TrueupError):
    """The batch was taken back: nothing of it is received again."""

    code = "duplicate"
    exit_code = ExitCode.ROWS_FAILED


@dataclass(frozen=True, slots=True)
class Batch:
    """A file as it was counted at the door.

    Attributes:
        rows: how many requests it holds; each gets an outcome.
        content_sha256: of the uncompressed file.
    """

    id: UUID
    name: str | None
    source: str
    content_sha256: bytes
    kind: Kind
    rows: int


def open_batch(connection: Connection, account_id: int, opened: Batch, *, received: int | None = None) -> None:
    """Count a batch in, once.

    Args:
        connection: of the transaction that receives it.
        account_id: whose it is.
        opened: the batch.
        received: how many of its rows are received with this; None: all of them, for whoever sends it still has it.

    Raises:
        BatchDiffers: the id is another file's.
        BatchUndone: it was taken back.
    """
    statement = insert(batch).values(
        account_id=account_id,
        id=opened.id,
        name=opened.name,
        source=opened.source,
        content_sha256=opened.content_sha256,
        kind=opened.kind,
        rows=opened.rows if received is None else received,
        content_rows=opened.rows,
    )
    connection.execute(statement.on_conflict_do_nothing())
    there = connection.execute(
        select(batch.c.content_sha256, batch.c.kind, batch.c.source, batch.c.closed_at).where(
            batch.c.account_id == account_id, batch.c.id == opened.id
        )
    ).one()
    if (there.content_sha256, there.kind) != (opened.content_sha256, opened.kind):
        raise BatchDiffers(
            f"batch {opened.name or opened.id} was made of other content ({there.source}): "
            "give this content another name, or none"
        )
    if there.closed_at is not None:
        raise BatchUndone(
            f"batch {opened.name or opened.id} was undone at {there.closed_at:%Y-%m-%dT%H:%M:%SZ}: nothing of it is "
            "received again, and its uniqueness keys stay used. Send what is right now as a batch of its own, with "
            "keys of its own: --new --key-suffix=-r2"
        )
    if received is None:
        receive_rows(connection, account_id, opened.id, opened.rows)


def receive_rows(connection: Connection, account_id: int, batch_id: UUID, received: int) -> None:
    """Note that so many rows of a batch, from its first on, are received; in the transaction that keeps the last."""
    is_more = batch.c.rows < received  # the same content may have come before, or come twice at once
    of_this = batch.c.account_id == account_id, batch.c.id == batch_id
    connection.execute(update(batch).where(*of_this, is_more).values(rows=received))


def keep_rows(connection: Connection, account_id: int, batch_id: UUID, rows: int) -> None:
    """Note that so many rows of a batch are received and no more will be, as its file is not what it was."""
    of_this = batch.c.account_id == account_id, batch.c.id == batch_id
    connection.execute(update(batch).where(*of_this).values(rows=rows))
