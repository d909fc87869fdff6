"""Imports of the Procfile's processes that read no setting: loaded once, before the first fork."""

from importlib import import_module

_MODULES = (  # by name, as the processes of the Procfile stand above this folder
    "celery.apps.worker",
    "celery.concurrency.solo",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.loops",
    "celery.worker.strategy",
    "kombu.transport.redis",
    "sqlalchemy.dialects.postgresql.psycopg",
    "trueup.broker.rabbitmq_broker",
    "trueup.redis.uniqueness_cache",
    "trueup_worker.alerts.turn",
    "trueup_worker.events.complete_batches",
    "trueup_worker.events.relay",
    "trueup_worker.gateway.server",
    "trueup_worker.intake.receive",
    "trueup_worker.invoicing.issue",
    "trueup_worker.gateway.answers.event_objects",
    "trueup_worker.scheduling.deliver",
    "trueup_worker.scheduling.look",
    "trueup_worker.scheduling.sweep",
    "trueup_worker.intake.usage.pipeline",
    "trueup_worker.webhooks.turn",
)


def preload() -> None:
    """Import them all."""
    for module in _MODULES:
        import_module(module)
