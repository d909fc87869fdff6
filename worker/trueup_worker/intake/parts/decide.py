"""The decision of an envelope: as a whole, by turns where it is heavy, by halves where its workers died."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from trueup.store.postgres.engine import transaction
from trueup.store.postgres.fault import Fault, fault_of
from trueup.store.requests.kept_envelopes import forget_delivery
from trueup_worker.intake.bodies import Bodies
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.dismissal import Dismissed, TryAgainLater
from trueup_worker.intake.parts.blame import decide_or_blame
from trueup_worker.intake.parts.halves import is_suspect, take_apart
from trueup_worker.intake.parts.turns import take_turn
from trueup_worker.intake.parts.unit import Unit, in_one_transaction
from trueup_worker.intake.parts.weight import TooHeavy, parts_of


def decide_in_parts(on: Connection, delivery: Delivery, engine: Engine, decide: Unit) -> list[Decision]:
    """Decide all of an envelope's requests together, which is the rule, or in parts, each in its transaction.

    Args:
        on: a connection without a transaction.
        delivery: all of an envelope.
        engine: for what must not depend on that connection.
        decide: reads, judges and persists a part.

    Raises:
        Dismissed: the envelope is kept, and comes again.
        TryAgainLater: nothing was decided; the delivery does not count as one that killed its worker.
    """
    with _survived(delivery, engine):
        if is_suspect(delivery):
            return in_one_transaction(on, delivery, take_apart)
        try:
            return decide_or_blame(on, delivery, engine, decide)
        except TooHeavy as error:
            return _decide_by_turns(on, delivery, engine, decide, error.bodies)


def _decide_by_turns(
    on: Connection, delivery: Delivery, engine: Engine, decide: Unit, bodies: Bodies
) -> list[Decision]:
    """Decide one part after the other while the turn lasts; whoever comes after it finds what is decided."""
    turn = take_turn(on, engine, delivery)
    decisions: list[Decision] = []
    for part in parts_of(on, replace(delivery, is_heavy=True), bodies):
        if turn.is_over:
            raise turn.give_way()
        decisions += decide_or_blame(on, part, engine, decide)
    return decisions + in_one_transaction(on, delivery, turn.finish)


@contextmanager
def _survived(delivery: Delivery, engine: Engine) -> Iterator[None]:
    """Uncount a delivery whose worker lived, whatever went wrong."""
    try:
        yield
    except Dismissed:
        raise
    except Exception as error:
        _take_back(delivery, engine)
        if isinstance(error, TryAgainLater):
            raise
        raise TryAgainLater(error, counts=fault_of(error, engine) is not Fault.NOBODYS) from error


def _take_back(delivery: Delivery, engine: Engine) -> None:
    """Uncount the delivery; where that fails, the envelope is halved a little too soon."""
    with suppress(DBAPIError), transaction(engine) as connection:
        forget_delivery(connection, delivery.account_id, delivery.message.digest)
