"""What the gateway asks about requests that were sent before."""

from uuid import UUID

from sqlalchemy import Connection, text

_IS_RECENT = text("""
    SELECT booked_at > now() - make_interval(mins => :minutes)
      FROM commit WHERE account_id = :account_id AND id = :id
""")

# Envelopes of one sender hold ids side by side: few or none lie around an id, and only these are read.
IS_KEPT = text("""
    SELECT EXISTS (SELECT FROM intake WHERE account_id = :account_id AND last_id >= :id AND first_id <= :id
                      AND position(:quoted IN requests) > 0)
        OR EXISTS (SELECT FROM intake WHERE account_id = :account_id AND last_id IS NULL
                      AND position(:quoted IN requests) > 0)
""")


def is_recent(connection: Connection, account_id: int, commit_id: UUID | str, *, minutes: int) -> bool:
    """Whether a commit, or credit, of the account was made within the last minutes, in real time."""
    which = {"account_id": account_id, "id": str(commit_id), "minutes": minutes}
    return bool(connection.scalar(_IS_RECENT, which))


def is_kept(connection: Connection, account_id: int, request_id: UUID) -> bool:
    """Whether an envelope that is kept for its outcomes holds this request."""
    which = {"account_id": account_id, "id": request_id, "quoted": f'"{request_id}"'.encode()}
    return bool(connection.scalar(IS_KEPT, which))
