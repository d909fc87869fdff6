"""Audit of operators' actions: who, when, to what, before and after."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from trueup.store.tables import audit


def note(
    connection: Connection,
    account_id: int,
    *,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write an audit row in the transaction of what it tells about.

    Args:
        connection: the transaction that does it.
        account_id: whose.
        actor: key id of the token.
        action: verb and noun, for example `adjust_commit`.
        subject: what it is done to.
        before: as it was, JSON-ready.
        after: as it became, JSON-ready.
    """
    connection.execute(
        insert(audit).values(
            account_id=account_id, actor=actor, action=action, subject=subject, before=before, after=after
        )
    )
