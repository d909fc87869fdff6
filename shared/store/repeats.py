"""What the gateway asks about requests that were sent before."""

from uuid import UUID

from sqlalchemy import Connection, text

_IS_RECENT = text("""
    SELECT booked_at > now() - make_interval(mins => :minutes)
      FROM commit WHERE account_id = :account_id AND id = :id
""")

_IS_KEPT = text("SELECT EXISTS (SELECT FROM intake WHERE account_id = :account_id AND position(:id IN requests) > 0)")


def is_recent(connection: Connection, account_id: int, commit_id: UUID | str, *, minutes: int) -> bool:
    """Whether a commit, or credit, of the account was made within the last minutes, in real time."""
    which = {"account_id": account_id, "id": str(commit_id), "minutes": minutes}
    return bool(connection.scalar(_IS_RECENT, which))


def is_kept(connection: Connection, account_id: int, request_id: UUID) -> bool:
    """Whether an envelope that is kept for its outcomes holds this request. Reads all the account's: ask last."""
    return bool(connection.scalar(_IS_KEPT, {"account_id": account_id, "id": f'"{request_id}"'.encode()}))
