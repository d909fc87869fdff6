"""Audit of operators' actions: who, when, to what, before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, text

from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all
from trueup.store.tables import audit

_NEWEST = Filtered(
    lambda given: text(f"""
    SELECT seq AS id, at, actor, action, subject, before, after
      FROM audit WHERE account_id = :account_id{given} ORDER BY seq DESC LIMIT :limit
"""),
    {"older_than": "seq < :older_than", "subject": "subject = :subject"},
)
_OF_SUBJECTS = text("""
    SELECT seq AS id, at, actor, action, subject, before, after
      FROM audit WHERE account_id = :account_id AND subject = ANY(:subjects) ORDER BY seq LIMIT 1000
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """An act of an operator, whose token has the key id `actor`, on a subject that was `before` and became `after`."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def list_audit(
    connection: Connection, account_id: int, *, limit: int, subject: str | None = None, after: int | None = None
) -> list[AuditRecord]:
    """Audit rows, of a subject or of all, newest first; `after` is the last id of the page before."""
    which = {"account_id": account_id, "limit": limit, "subject": subject, "older_than": after}
    return fetch_all(connection, AuditRecord, _NEWEST.given(which), which)


def audit_of(connection: Connection, account_id: int, subjects: Sequence[str]) -> list[AuditRecord]:
    """Audit rows of these subjects, oldest first; a thousand at most."""
    return fetch_all(connection, AuditRecord, _OF_SUBJECTS, {"account_id": account_id, "subjects": list(subjects)})


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
