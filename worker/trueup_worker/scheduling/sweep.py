"""One sweep: kept envelopes that have no outcomes after their lease are published again."""

from sqlalchemy import Engine

from trueup.limits import SWEEP_ENVELOPES_MAX
from trueup.producer.publish import Publisher
from trueup.store.postgres.engine import transaction
from trueup.store.requests.kept_envelopes import take_due
from trueup.wire.message.names import ENVELOPE_QUEUES


def sweep(on: Engine, publisher: Publisher, *, backlog_max: int) -> int:
    """Publish what is due, as it was accepted, under the system's key; nothing while the workers are behind.

    Any number of sweepers is harmless: each takes rows that no other takes, and an envelope that is delivered twice
    finds its own outcomes. A sweeper that dies in between costs a lease.

    Args:
        on: the database.
        publisher: signs with the system's key.
        backlog_max: envelopes on the queues above which nothing is published.

    Returns:
        How many envelopes were published.

    Raises:
        DBAPIError: the database is away.
        BrokerUnavailable: the broker is away; what was taken is due again after its lease.
    """
    if sum(map(publisher.backlog, ENVELOPE_QUEUES)) > backlog_max:
        return 0
    with transaction(on) as connection:
        due = take_due(connection, limit=SWEEP_ENVELOPES_MAX)
    for each in due:
        publisher.publish(each.meta, each.requests, queue=each.queue)
    return len(due)
