"""The Celery app: `celery -A trueup_worker.celery.app worker`."""

import gc
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, celeryd_init, setup_logging, task_postrun, worker_init, worker_ready

from trueup.readiness import announce_ready
from trueup.settings import settings
from trueup.wire.message.names import QUEUE_EVENTS, QUEUE_PROBES, QUEUE_SINGLE
from trueup_worker.celery.client import keep_client
from trueup_worker.celery.compression import bound_decompression
from trueup_worker.celery.config import celery_config, queue_named
from trueup_worker.celery.rabbitmq import change_messages
from trueup_worker.celery.transport import change_transport
from trueup_worker.startup.logging import configure_logging, take_over
from trueup_worker.startup.secret_key import check_secret_key

_GARBAGE_MAX = 20_000  # objects made since, of those that the collector looks at

app = Celery("trueup", include=["trueup_worker.tasks"], task_cls="trueup_worker.celery.request:Task")
app.conf.update(celery_config(settings()))
configure_logging(settings())
change_transport()
change_messages()
keep_client()
bound_decompression()


@celeryd_init.connect
@setup_logging.connect
def _on_setup_logging(**_: Any) -> None:
    """A worker logs as every other process does: Celery's own handlers would wait for a pipe that nobody reads."""
    take_over(settings())


@celeryd_after_setup.connect
def _on_queues_chosen(**_: Any) -> None:
    """Whoever takes commits answers probes: beside the backlog, not behind it."""
    if QUEUE_SINGLE in app.amqp.queues.consume_from:
        app.amqp.queues.select_add(queue_named(QUEUE_PROBES, settings()))


@celeryd_after_setup.connect
def _on_events_chosen(**_: Any) -> None:
    """Load the task that sends webhooks where it is worked off: it takes the gateway's answers with it."""
    if QUEUE_EVENTS in app.amqp.queues.consume_from:
        import_module("trueup_worker.delivery_tasks")


@worker_init.connect
def _on_init(**_: Any) -> None:
    """Check the secret key before any message: under another one it would park as unauthenticated what is in order."""
    check_secret_key(settings())


@worker_ready.connect
def _on_ready(**_: Any) -> None:
    """Freeze what was imported, so that the collector looks neither at it again nor at what a task has in hand."""
    gc.collect()
    gc.freeze()
    gc.disable()
    announce_ready()


@task_postrun.connect
def _on_task_over(**_: Any) -> None:
    """Between tasks hardly anything lives: collecting takes 0.4 ms, where it took 15 µs a request within them."""
    if gc.get_count()[0] > _GARBAGE_MAX:  # small envelopes leave little behind
        gc.collect()
