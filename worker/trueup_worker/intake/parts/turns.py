"""Turns of heavy envelopes: one of several transactions has a worker for a second, and one of an account at a time."""

import time

import structlog
from sqlalchemy import Connection, Engine

from trueup.limits import TURN_S
from trueup.store.postgres.engine import statements, transaction
from trueup.store.postgres.retry import with_retries
from trueup.store.requests.heavy_line import Place, call_next, give_way, join
from trueup.store.requests.kept_envelopes import Kept, forget_delivery
from trueup.wire.message.packing import span_of
from trueup.wire.message.queues import route_of_task
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.dismissal import Dismissed

log = structlog.get_logger()


class TurnOver(Dismissed):
    """The envelope is kept, and comes again: for the rest of it, or because another of its account is before it."""


class Turn:
    """A heavy envelope's turn. Made by `take_turn`.

    Args:
        on: the database.
        place: in its account's line.
    """

    def __init__(self, on: Engine, place: Place) -> None:
        self._on, self._place = on, place
        self._ends_s = time.monotonic() + TURN_S

    @property
    def is_over(self) -> bool:
        """Tell whether its time is up."""
        return time.monotonic() >= self._ends_s

    def give_way(self) -> TurnOver:
        """End the turn before the work is done; return what to raise."""

        def unit() -> None:
            with transaction(self._on) as connection:
                give_way(connection, self._place)
                forget_delivery(connection, self._place.account_id, self._place.digest)

        with_retries(unit)
        return TurnOver()

    def finish(self, connection: Connection, _: Delivery) -> list[Decision]:
        """Call the account's next, in the transaction that releases this one; decide nothing."""
        call_next(connection, self._place)
        return []


def take_turn(on: Connection, engine: Engine, delivery: Delivery) -> Turn:
    """The turn of an envelope.

    Raises:
        TurnOver: another one of its account is before it.
    """
    message = delivery.message
    place = Place(delivery.account_id, message.digest, delivery.settings.lease_s)
    kept = Kept(
        message.meta,
        message.requests,
        route_of_task(message.task).bulk,
        delivery.size,
        span_of(request.id for request in delivery.requests),
    )

    def unit() -> bool:
        with statements(on) as connection:
            is_first = join(connection, place, kept)
            if not is_first:
                forget_delivery(connection, delivery.account_id, message.digest)
            return is_first

    if with_retries(unit):
        return Turn(engine, place)
    log.info("envelope waits for its account's turn", action="envelope_waits", requests=delivery.size)
    raise TurnOver
