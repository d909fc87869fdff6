"""The Celery app's settings, each with its reason; those of the broker: `trueup.broker.celery_settings`."""

from typing import Any

from kombu.entity import Queue

from trueup.broker.celery_settings import celery_settings, queue_options
from trueup.settings import Settings
from trueup.wire.message.names import QUEUE_MAINTENANCE, QUEUES


def queue_named(name: str, settings: Settings) -> Queue:
    """A queue as workers take from it."""
    return Queue(name, routing_key=name, **queue_options(settings.broker_url))  # type: ignore[no-untyped-call]


def celery_config(settings: Settings) -> dict[str, Any]:
    """Configuration of `trueup_worker.celery.app`."""
    return {
        **celery_settings(settings.broker_url, visibility_timeout_s=settings.visibility_timeout_s),
        "task_queues": [queue_named(name, settings) for name in QUEUES],
        "task_default_queue": QUEUE_MAINTENANCE,
        # Acknowledged only after the task returned, that is, after the database committed.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": False,
        # One message is up to 500 requests: what is fetched ahead only waits, longer when a worker dies.
        "worker_prefetch_multiplier": 1,
        # Outcomes are in Postgres.
        "result_backend": None,
        "task_ignore_result": True,
        # A pickle is code.
        "accept_content": ["json"],
        "task_serializer": "json",
        # Whoever reaches the broker could stop the workers by remote control.
        "worker_enable_remote_control": False,
        # Judges what comes before Celery does, and parks what Celery would drop.
        "worker_consumer": "trueup_worker.celery.consumer:Consumer",
        "worker_send_task_events": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A broker whose disk or memory is full refuses what changes anything: that passes, and need end no worker.
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
        "timezone": "UTC",
    }
