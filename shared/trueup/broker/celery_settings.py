"""Celery's settings of the broker, each with its reason. Measurements: the transports of Celery 5.7."""

from typing import Any
from urllib.parse import quote

from redis.backoff import NoBackoff
from redis.retry import Retry

from trueup.broker.url import BrokerUrl
from trueup.redis.pools import sentinel_options

QUORUM = {"x-queue-type": "quorum"}


def celery_settings(url: str, *, visibility_timeout_s: int) -> dict[str, Any]:
    """Settings by which Celery reaches the broker; a certificate is verified, for which kombu has to be told.

    Args:
        url: of the broker.
        visibility_timeout_s: as of the setting.
    """
    address = BrokerUrl.read(url)
    if not address.is_redis:
        return _of_rabbitmq(address)
    # A dead worker's messages come back after the visibility timeout, and without kombu's extra 96 seconds.
    options: dict[str, Any] = {
        "visibility_timeout": visibility_timeout_s,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # A worker that is killed while it restores must not keep the others from it for five minutes.
        "unacked_mutex_expire": 10,
        "socket_timeout": 10,
        "socket_connect_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
    scheme = "redis"
    if address.master:
        scheme = "sentinel"
        options["master_name"] = address.master
        options["sentinel_kwargs"] = sentinel_options(address, Retry(NoBackoff(), 0))
    return {
        "broker_url": address.plain(scheme, str(address.database)),
        "broker_use_ssl": None if address.tls is None else address.tls.of_redis(),
        "broker_transport_options": options,
    }


def queue_options(url: str) -> dict[str, Any]:
    """Options of kombu for a queue: those of RabbitMQ are declared by `rabbitmq_broker`, as its version asks for."""
    return {} if BrokerUrl.read(url).is_redis else {"queue_arguments": QUORUM, "no_declare": True}


def _of_rabbitmq(address: BrokerUrl) -> dict[str, Any]:
    return {
        "broker_url": address.plain("amqp", quote(address.virtual_host, safe="")),
        # kombu takes the name that the first certificate has to bear for that of the others, too.
        "broker_use_ssl": None if address.tls is None else address.tls.of_amqp(address.hosts[0][0]),
        "broker_transport_options": {},
        # A worker answers nothing while a task runs: with heartbeats its connection was cut, and the message given to
        # another worker meanwhile. TCP's keepalive finds dead hosts.
        "broker_heartbeat": 0,
    }
