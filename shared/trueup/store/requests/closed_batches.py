"""Closed batches: nothing of one becomes a commit, from the instant on that closes it.

Whoever decides requests of a batch holds a lock of it, shared, from before looking at the batch until the transaction
ends; whoever closes it holds the lock alone. So each transaction that found it open has committed, and shows what it
made, before the batch is closed, and each later one finds it closed. The look has a snapshot of its own: one
that was taken before the lock was waited for would still show the batch open. The lock comes first in a transaction,
and whoever closes takes no other, so that nobody waits in a circle; and it is one that waits in a queue: a file that
keeps all workers busy does not hold its undoing up.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.driver_statement import DriverStatement

_LOCK_BITS = 63
_LOOK = DriverStatement("SELECT batch_closed_since(:account_id, :batch_id, :lock)")
_TAKE = text("SELECT pg_advisory_xact_lock(:lock)")


def closed_since(connection: Connection, account_id: int, batch_id: UUID) -> datetime | None:
    """Since when a batch is closed; while it is open, or nobody counted it in, None, and it stays so until the end.

    Args:
        connection: of the transaction that decides requests of the batch, which holds nothing yet.
        account_id: whose batch.
        batch_id: of the batch.
    """
    which = {"account_id": account_id, "batch_id": batch_id, "lock": _lock_of(batch_id)}
    ((closed_at,),) = _LOOK.run(connection, which)
    return closed_at  # type: ignore[no-any-return]


def lock_to_close(connection: Connection, batch_id: UUID) -> None:
    """Wait for everyone who decides requests of a batch, and keep others off until the transaction ends.

    Args:
        connection: of a transaction that holds nothing yet.
        batch_id: of the batch.
    """
    connection.execute(_TAKE, {"lock": _lock_of(batch_id)})


def _lock_of(batch_id: UUID) -> int:
    """The number of a batch's advisory lock; two batches that share one, or two accounts, only wait for each other."""
    return batch_id.int & (1 << _LOCK_BITS) - 1
