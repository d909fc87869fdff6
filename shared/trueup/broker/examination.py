"""Examination of a broker: what an operator ought to know of it, and what to do about it."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

import redis

from trueup.broker.broker import BrokerLost, BrokerRefused, open_broker
from trueup.broker.url import BrokerUrl
from trueup.limits import BROKER_BULK_BYTES_MAX
from trueup.redis.pools import client, sentinels
from trueup.wire.message.names import QUEUE_PROBES, QUEUE_SINGLE, QUEUES, TASK_PROBE

_SECONDS_MAX = 5
_TIMEOUTS = {"socket_timeout": _SECONDS_MAX, "socket_connect_timeout": _SECONDS_MAX}
_RABBITMQ_SINCE = (3, 10)
_PROBES_MAX = 5
_FULL = 0.8  # of its memory: above that a backlog of some minutes may fill it


class Finding(NamedTuple):
    """Finding of a check; `advice` says what to do, and is empty when all is well."""

    check: str
    found: str
    advice: str = ""


def examine(url: str) -> Iterator[Finding]:
    """Findings on a broker, one after the other.

    Raises:
        Exception: of whatever library asks it: it does not answer.
    """
    address = BrokerUrl.read(url)
    if not address.is_redis:
        yield from _rabbitmq(url, address)
        return
    if address.master:
        yield from _sentinels(address)
    yield from _redis(url, address)


def listening(url: str) -> int:
    """Number of workers that wait for commits, as far as the broker tells; raises as `examine`."""
    if BrokerUrl.read(url).is_redis:
        with client(url, **_TIMEOUTS) as server:
            return sum(1 for other in server.client_list() if other["cmd"].lower() == "brpop")
    from trueup.broker.rabbitmq_broker import connect, consumers_of  # noqa: PLC0415 - it needs the extra

    with connect(url) as connection:
        return consumers_of(connection, QUEUE_SINGLE)


def _sentinels(address: BrokerUrl) -> Iterator[Finding]:
    """Check each sentinel by itself: those that lead nowhere are found before the last one is needed."""
    for host, port, sentinel in sentinels(address):
        with closing(sentinel):
            try:
                found = sentinel.discover_master(address.master)  # type: ignore[no-untyped-call]
            except redis.RedisError as error:
                must = "start it, and let it monitor the master: by the others alone a failover may not be agreed on"
                yield Finding("sentinel", f"{host}:{port}: {error}", must)
            else:
                yield Finding("sentinel", f"{host}:{port} leads to {found[0]}:{found[1]}")


def _redis(url: str, address: BrokerUrl) -> Iterator[Finding]:
    with client(url, **_TIMEOUTS) as server:
        info = server.info()
        bulk = _bulk_bytes_max(server)
    yield Finding("broker", f"{_product(info)} answers at {address.address}")
    policy = info["maxmemory_policy"]
    must = "set maxmemory-policy noeviction: a full broker must refuse messages, not drop them"
    yield Finding("broker policy", policy, "" if policy == "noeviction" else must)
    must = "set appendonly yes: otherwise a restart of the broker loses the queue"
    yield Finding("broker log", "AOF on") if info["aof_enabled"] else Finding("broker log", "AOF off", must)
    yield _memory(info)
    if bulk is not None:
        must = (
            f"set proto-max-bulk-len {BROKER_BULK_BYTES_MAX}: a larger message fills workers before they can refuse it"
        )
        yield Finding("broker messages", f"up to {bulk} bytes", "" if bulk <= BROKER_BULK_BYTES_MAX else must)
    yield from _encryption(address)


def _memory(info: Mapping[str, Any]) -> Finding:
    used_mb, limit_mb = (int(info.get(name, 0)) // 1_000_000 for name in ("used_memory", "maxmemory"))
    if not limit_mb:
        return Finding("broker memory", f"{used_mb:,} MB, without a limit of its own")
    must = "start workers, or give it more memory: a full broker refuses messages"
    return Finding("broker memory", f"{used_mb:,} of {limit_mb:,} MB", must if used_mb > limit_mb * _FULL else "")


def _encryption(address: BrokerUrl) -> Iterator[Finding]:
    if address.tls is not None and not (address.tls.verifies and address.tls.checks_name):
        must = "leave ssl_cert_reqs and ssl_check_hostname out of its URL, and name the authority by ssl_ca_certs"
        yield Finding("broker certificate", "anybody's is taken", must)


def _bulk_bytes_max(server: redis.Redis) -> int | None:
    """The largest element that a broker takes; None where it does not tell, as managed ones do not."""
    try:
        told = server.config_get("proto-max-bulk-len").get("proto-max-bulk-len")
    except redis.ResponseError:
        return None
    return int(told) if told else None


def _product(info: Mapping[str, Any]) -> str:
    """A Valkey gives the version of Redis it stands in for, and its own beside it."""
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"


def _rabbitmq(url: str, address: BrokerUrl) -> Iterator[Finding]:
    from trueup.broker.rabbitmq_broker import WrongQueue, connect, declare_queue  # noqa: PLC0415 - it needs the extra

    with connect(url) as connection:
        version = str(connection.connection.server_properties.get("version", ""))
        is_known = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) >= _RABBITMQ_SINCE
        must = f"take RabbitMQ {_RABBITMQ_SINCE[0]}.{_RABBITMQ_SINCE[1]} or later, on which this was tested"
        yield Finding("broker", f"RabbitMQ {version} answers at {address.address}", "" if is_known else must)
        wrong = []
        for name in QUEUES:
            try:
                declare_queue(connection, name)
            except WrongQueue as error:
                wrong.append(str(error))
        yield Finding("broker queues", "; ".join(wrong) or "quorum queues, all of them", "move them" if wrong else "")
    yield _confirms(url)
    yield from _encryption(address)


def _confirms(url: str) -> Finding:
    """Check that a message is taken: while the memory or the disk of a node is short, RabbitMQ takes none."""
    with closing(open_broker(url)) as broker:
        try:
            if broker.count(QUEUE_PROBES) < _PROBES_MAX:
                broker.put(broker.message(TASK_PROBE, [], queue=QUEUE_PROBES, headers={}), queue=QUEUE_PROBES)
        except (BrokerLost, BrokerRefused) as error:
            must = "see `rabbitmq-diagnostics alarms`: free memory or disk, and bring a majority of the nodes back"
            return Finding("broker confirms", f"a message is not confirmed: {error}", must)
    return Finding("broker confirms", "messages are confirmed")
