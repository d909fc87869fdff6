"""One look at webhooks: a task for the worker that sends them, where something is to be sent."""

from sqlalchemy import Engine

from trueup.broker.broker import Broker
from trueup.store.postgres.engine import transaction
from trueup.store.webhooks.claims import is_any_ready
from trueup.store.webhooks.expansion import is_any_behind
from trueup.wire.message.names import QUEUE_EVENTS, TASK_DELIVER


def call_for_delivery(on: Engine, broker: Broker) -> int:
    """Send a task, unless one waits: it sends all that is due; returns how many were sent.

    Raises:
        DBAPIError: the database is away.
        BrokerLost, BrokerRefused: the broker is away.
    """
    with transaction(on) as connection:
        if not is_any_behind(connection) and not is_any_ready(connection):
            return 0
    if broker.count(QUEUE_EVENTS):
        return 0
    broker.put(broker.message(TASK_DELIVER, [], queue=QUEUE_EVENTS, headers={}), queue=QUEUE_EVENTS)
    return 1
