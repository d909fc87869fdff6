"""Result of a change: what it did, or why it was refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import Connection

from trueup.errors import Refused, TrueupError
from trueup.store.accounts.audit import note
from trueup.store.alerts.moved import tell_moved
from trueup.store.commits.changes import Stored, lock_commit
from trueup.store.commits.revaluations import remember_worth, revalue
from trueup.store.events.outbox import announce
from trueup.wire.events import EVENT_TYPES
from trueup.wire.message.envelope import CommitKind
from trueup.wire.problems import Problem, error_body
from trueup_worker.invoicing.adjust import UnknownCommit

Record = Mapping[str, Any]


class InvalidChange(TrueupError):
    """The body of the change is wrong: `problems` has codes and paths as for a request that makes a commit."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(error_body(problems)["message"])
        self.problems = problems


class ChangeRefused(Refused):
    """The commit as it is does not allow the change.

    Attributes:
        path: JSON Pointer into the body of what is refused; empty for the change as a whole.
        message: why, without the path.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.message = path, message

    @classmethod
    def archived(cls, commit_id: UUID) -> Self:
        """Refusal of any change to an archived commit."""
        return cls("", f"{commit_id} is archived: it does not change any more")


@dataclass(frozen=True, slots=True)
class Changed:
    """Effect of a change on a commit: the changed parts before and after, JSON-ready; empty when nothing changed."""

    commit_id: UUID
    before: Record = field(default_factory=dict)
    after: Record = field(default_factory=dict)


class Meant(TypedDict, total=False):
    """Customer and kind that a commit must have, so that it is the one that is meant."""

    customer_id: str | None
    kind: CommitKind | None


def lock_known(connection: Connection, account_id: int, commit_id: UUID, **meant: Unpack[Meant]) -> Stored:
    """The commit, locked, if it is the one that is meant; what it is worth is remembered for the books.

    Raises:
        UnknownCommit: there is none; which of the three was wrong is not told.
    """
    customer_id, kind = meant.get("customer_id"), meant.get("kind")
    stored = lock_commit(connection, account_id, commit_id)
    if stored is None or not _is_meant(stored, customer_id, kind):
        owner = "this account" if customer_id is None else f"customer {customer_id}"
        raise UnknownCommit(f"{owner} has no {kind or 'commit or credit'} {commit_id}")
    remember_worth(connection, account_id, [commit_id])
    return stored


def _is_meant(stored: Stored, customer_id: str | None, kind: CommitKind | None) -> bool:
    own_kind: CommitKind = "credit" if stored.type == "CREDIT" else "commit"
    return customer_id in (None, str(stored.customer_id)) and kind in (None, own_kind)


def refuse_other_commit(change: Mapping[str, Any], commit_id: UUID) -> None:
    """Refuse a body that names another commit or credit than the one that is to change."""
    for name in ("commit_id", "credit_id"):
        named = change.get(name)
        if named is not None and named != str(commit_id):
            raise ChangeRefused(f"/{name}", f"the body is for {named}, not for {commit_id}")


def tell(
    connection: Connection,
    account_id: int,
    stored: Stored,
    changed: Changed,
    *,
    actor: str,
    action: str,
    event: Literal["edited", "archived"],
) -> Changed:
    """Write the audit row, the events and the new worth of a change that changed something."""
    if changed.after:
        revalue(connection, account_id, [stored.id])
        note(
            connection,
            account_id,
            actor=actor,
            action=action,
            subject=str(stored.id),
            before=changed.before,
            after=changed.after,
        )
        kind = "credit" if stored.type == "CREDIT" else "commit"
        announce(connection, account_id, EVENT_TYPES[f"{kind}.{event}"], [stored.id])
        tell_moved(connection, account_id, stored.id, stored.segments)
    return changed
