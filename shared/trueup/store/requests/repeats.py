"""Repeats: requests and calls that came before, as the gateway asks about them."""

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

# Whoever comes second waits here until the first is done, or undone.
_CLAIM = text("""
    INSERT INTO answered_call AS called (account_id, digest) VALUES (:account_id, :digest)
        ON CONFLICT (account_id, digest) DO UPDATE SET digest = excluded.digest
    RETURNING CASE WHEN called.answered_at > now() - make_interval(mins => :minutes) THEN called.answer END
""")

_ANSWER = text("""
    UPDATE answered_call SET answer = :answer, answered_at = now() WHERE account_id = :account_id AND digest = :digest
""")

_FORGET_ANSWERS = text("SELECT trim_answered_call(make_interval(mins => :minutes), :limit)")


def is_recent(connection: Connection, account_id: int, commit_id: UUID | str, *, minutes: int) -> bool:
    """Tell whether a commit, or credit, of the account was made within the last minutes, in real time."""
    which = {"account_id": account_id, "id": str(commit_id), "minutes": minutes}
    return bool(connection.scalar(_IS_RECENT, which))


def is_kept(connection: Connection, account_id: int, request_id: UUID) -> bool:
    """Tell whether an envelope that is kept for its outcomes holds this request."""
    which = {"account_id": account_id, "id": request_id, "quoted": f'"{request_id}"'.encode()}
    return bool(connection.scalar(IS_KEPT, which))


def claim_call(connection: Connection, account_id: int, digest: bytes, *, minutes: int) -> str | None:
    """Answer that the same call got within the last minutes; None: there was none.

    The same calls of an account come one after the other, each when the transaction of the one before is over.
    """
    which = {"account_id": account_id, "digest": digest, "minutes": minutes}
    answer: str | None = connection.scalar(_CLAIM, which)
    return answer


def note_answer(connection: Connection, account_id: int, digest: bytes, answer: str) -> None:
    """Note what a claimed call is answered with, in the transaction of what it changes."""
    connection.execute(_ANSWER, {"account_id": account_id, "digest": digest, "answer": answer})


def forget_answers(connection: Connection, *, minutes: int, limit: int) -> None:
    """Delete answers that are older, up to `limit` of them."""
    connection.execute(_FORGET_ANSWERS, {"minutes": minutes, "limit": limit})
