"""One transaction that decides a part of an envelope."""

from collections.abc import Callable

from sqlalchemy import Connection

from trueup.store.postgres.engine import transaction
from trueup.store.postgres.retry import with_retries
from trueup.store.requests.kept_envelopes import release
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery

Unit = Callable[[Connection, Delivery], list[Decision]]


def in_one_transaction(on: Connection, part: Delivery, unit: Unit) -> list[Decision]:
    """Run a unit of work in one transaction, which also releases the envelope if the part is the whole of it."""

    def run() -> list[Decision]:
        with transaction(on) as connection:
            decisions = unit(connection, part)
            if part.is_whole:
                release(connection, part.account_id, part.message.digest)
            return decisions

    return with_retries(run)
