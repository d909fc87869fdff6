"""The use case: when alerts are given is changed, with an audit row."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.accounts.audit import note
from trueup.store.alerts.settings import AlertKind, load_thresholds, reset_thresholds, set_thresholds
from trueup.store.alerts.timed import pass_over


def change_thresholds(
    connection: Connection,
    account_id: int,
    kind: AlertKind,
    thresholds: Sequence[Decimal] | None,
    *,
    commit_id: UUID | None = None,
    actor: str,
) -> Sequence[Decimal]:
    """Set the thresholds of a kind, or go back to those that count without; returns what counts now.

    Args:
        connection: a transaction.
        account_id: whose alerts.
        kind: what the thresholds measure.
        thresholds: None: those of the account, or the default; empty: no such alerts.
        commit_id: of this commit or credit only.
        actor: key id of the operator's token.

    Raises:
        WrongThresholds: one of them makes no sense, or there are too many.
        UnknownCommit: the account has no such commit.
    """
    before = load_thresholds(connection, account_id, _ids(commit_id)).of(kind, commit_id)
    if thresholds is None:
        reset_thresholds(connection, account_id, kind, commit_id=commit_id)
    else:
        set_thresholds(connection, account_id, kind, thresholds, commit_id=commit_id)
    after = load_thresholds(connection, account_id, _ids(commit_id)).of(kind, commit_id)
    pass_over(connection, account_id, kind, set(after) - set(before))
    note(
        connection,
        account_id,
        actor=actor,
        action="set_alerts" if thresholds is not None else "reset_alerts",
        subject=str(commit_id or account_id),
        before={kind: [f"{each:f}" for each in before]},
        after={kind: [f"{each:f}" for each in after]},
    )
    return after


def _ids(commit_id: UUID | None) -> list[UUID]:
    return [] if commit_id is None else [commit_id]
