"""Parks what is no envelope: what nobody vouches for is kept in bounds, and belongs to no account."""

import gc

import structlog

from trueup.limits import UNAUTHENTICATED_BYTES_MAX
from trueup.store.postgres.engine import engine, transaction
from trueup.store.postgres.errors import is_away, primary_message
from trueup.store.postgres.retry import with_retries
from trueup.store.requests.parking import Reason
from trueup_worker.intake.message import Message
from trueup_worker.intake.parked.park import park_envelope

log = structlog.get_logger()


def keep(body: bytes, *, reason: Reason, detail: str, task: str = "", headers: str = "") -> bool:
    """Park a message by its beginning; without it, should the database take offence at it.

    Returns:
        Whether it is parked: if not, the database is away, and the message belongs back on its queue.
    """
    gc.collect()  # errors and their frames hold each other, and megabytes; what is refused starts no task that collects
    beginning = bytes(body[:UNAUTHENTICATED_BYTES_MAX]).decode(errors="backslashreplace")
    for told, text in ((headers, beginning), ("", "")):
        try:
            park_raw(task, told, text, reason=reason, detail=detail)
        except Exception as failure:  # noqa: BLE001 (whatever keeps it from being parked)
            log.warning(
                "message not parked", action="message_not_parked", reason=reason, error=primary_message(failure)
            )
            if is_away(failure):
                return False
        else:
            return True
    return False


def park_raw(task: str, headers: str, body: str, *, reason: Reason, detail: str) -> None:
    """Park a message that is no envelope, under no account."""

    def unit() -> None:
        with transaction(engine()) as connection:
            park_envelope(connection, None, Message(task, headers, body, None), reason=reason, detail=detail)

    with_retries(unit)
