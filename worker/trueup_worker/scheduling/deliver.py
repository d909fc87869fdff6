"""One look at webhooks: a task for the worker that sends them, where something is to be sent."""

from celery import Celery
from sqlalchemy import Engine

from trueup.store.postgres.engine import transaction
from trueup.store.webhooks.claims import is_any_ready
from trueup.store.webhooks.expansion import is_any_behind
from trueup.wire.message.names import QUEUE_EVENTS, TASK_DELIVER
from trueup_worker.scheduling.backlog import backlog


def call_for_delivery(on: Engine, app: Celery) -> int:
    """Send a task, unless one waits: it sends all that is due; returns how many were sent.

    Raises:
        DBAPIError: the database is away.
        kombu.exceptions.OperationalError: the broker is away.
    """
    with transaction(on) as connection:
        if not is_any_behind(connection) and not is_any_ready(connection):
            return 0
    with app.connection_for_write() as broker:
        if backlog(broker, QUEUE_EVENTS):
            return 0
        app.send_task(TASK_DELIVER, queue=QUEUE_EVENTS, connection=broker, retry=False)
    return 1
