"""Forgets what is past its term: keys, answers, tries, deliveries, events, bodies of refusals, parked messages."""

from sqlalchemy import Engine

from trueup.defaults import EVENTS_DAYS, OUTCOME_BODY_DAYS
from trueup.limits import IDEMPOTENCY_DAYS, RETRY_MINUTES_MAX, TIDIED_ROWS_MAX, TIDIED_TRIES_MAX, TRIMMED_ROWS_MAX
from trueup.settings import Settings
from trueup.store.events.relay import trim
from trueup.store.postgres.engine import transaction
from trueup.store.requests.commit_inserts import forget_idempotency_keys
from trueup.store.requests.create_tries import forget_tries
from trueup.store.requests.kept_envelopes import forget_old_deliveries
from trueup.store.requests.parking import forget_done
from trueup.store.requests.refused_bodies import forget_bodies
from trueup.store.requests.repeats import forget_answers
from trueup.store.webhooks.deliveries import forget_deliveries


def tidy(
    on: Engine,
    *,
    events_days: int = EVENTS_DAYS,
    outcome_body_days: int = OUTCOME_BODY_DAYS,
    parked_days: int | None = None,
) -> None:
    """Remove some old rows; often enough called, it keeps up with whatever came in.

    Args:
        on: the database.
        events_days: how long events are kept.
        outcome_body_days: how long bodies of refused requests are kept; at least a day, where no more of them are.
        parked_days: how long parked messages are kept that were sent again or discarded; None: for ever, as must be
            where messages come again that are as old.

    Raises:
        DBAPIError: the database is away.
    """
    with transaction(on) as connection:
        forget_idempotency_keys(connection, days=IDEMPOTENCY_DAYS, limit=TIDIED_ROWS_MAX)
        forget_old_deliveries(connection, days=IDEMPOTENCY_DAYS, limit=TIDIED_ROWS_MAX)
        forget_answers(connection, minutes=RETRY_MINUTES_MAX, limit=TIDIED_ROWS_MAX)
        forget_bodies(connection, days=max(outcome_body_days, 1), limit=TIDIED_ROWS_MAX)
        forget_tries(connection, minutes=RETRY_MINUTES_MAX, limit=TIDIED_TRIES_MAX)
        if parked_days is not None:
            forget_done(connection, days=parked_days, limit=TIDIED_ROWS_MAX)
    with transaction(on) as connection:
        forget_deliveries(connection, days=events_days, limit=TIDIED_ROWS_MAX)
    with transaction(on) as connection:
        trim(connection, days=events_days, rows_max=TRIMMED_ROWS_MAX)


def parked_term_days(settings: Settings) -> int | None:
    """Days for which parked messages are kept once they are done: no message that is older may be decided again.

    One that comes again is refused for its age, where that is signed; None: for ever, where nothing is.
    """
    if not settings.require_signature:
        return None
    return max(settings.parked_days, settings.signature_age_days + 2)  # it may be with a worker for less than a day
