"""The use case: a commit is taken out of use."""

from typing import Unpack
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.commits.archive import archive_rows, finalized_of
from trueup_worker.commit_changes.refusal import Changed, ChangeRefused, Meant, lock_known, tell

_NAMED_MAX = 5


def archive_commit(
    connection: Connection, *, account_id: int, commit_id: UUID, actor: str, **meant: Unpack[Meant]
) -> Changed:
    """Archive a commit or credit, in the caller's transaction; its uniqueness key stays used.

    What is left of it expires at once, drafts are suppressed, and no usage draws on it any more. To archive what is
    archived already changes nothing.

    Raises:
        UnknownCommit: there is none, or not of this customer or kind.
        ChangeRefused: a finalized invoice bills it, or a closed period draws on it: those are to be voided first.
    """
    stored = lock_known(connection, account_id, commit_id, **meant)
    if stored.archived_at is not None:
        return Changed(commit_id)
    finalized = finalized_of(connection, account_id, [commit_id])
    if finalized:
        named = ", ".join(f"{each.what} {each.id}" for each in finalized[:_NAMED_MAX])
        more = f" and {len(finalized) - _NAMED_MAX} more" if len(finalized) > _NAMED_MAX else ""
        raise ChangeRefused("", f"{commit_id} stands on what is finalized: void it first: {named}{more}")
    archived_at = archive_rows(connection, account_id, [commit_id]).at
    drafts = {str(item.id): item.state for item in stored.items if item.is_open}
    changed = Changed(
        commit_id,
        before={"archived_at": None, "invoice_schedule": drafts},
        after={"archived_at": archived_at.isoformat(), "invoice_schedule": dict.fromkeys(drafts, "archived")},
    )
    return tell(connection, account_id, stored, changed, actor=actor, action="archive_commit", event="archived")
