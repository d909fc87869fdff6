"""The broker as a worker puts messages on it, beside the connection that Celery takes them from."""

from functools import cache

from trueup.broker.broker import Broker, open_broker
from trueup.settings import settings


@cache
def outgoing() -> Broker:
    """The broker of this process; made on first use, after any fork."""
    return open_broker(settings().broker_url)
