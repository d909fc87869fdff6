"""RabbitMQ as the broker: what was accepted is decided exactly once, whatever dies, restarts or is not there yet."""

import itertools
import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import amqp
import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import gateway
from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.acceptance.test_exactly_once import (
    assert_reconciled,
    packs_of,
    requests_of,
    wait_until_decided,
)
from tests.chaos.proxy import Proxy
from tests.conftest import RunningServices
from tests.folders import servers_folder
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from tests.services.rabbitmq import RabbitMQ, rabbitmq
from trueup.broker.broker import BrokerRefused, open_broker
from trueup.broker.examination import examine, listening
from trueup.broker.rabbitmq_broker import connect
from trueup.clock import utc_now
from trueup.producer.client import CommitProducer
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.publish import BrokerUnavailable, Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import QUEUE_BULK, QUEUE_SINGLE, QUEUES, TASK_CREATE
from trueup.wire.message.packing import write_meta

_names = itertools.count(1)


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitMQ]:
    """A node for the tests of the module."""
    with servers_folder() as folder, rabbitmq(folder / "rabbit") as running:
        yield running


@pytest.fixture
def url(node: RabbitMQ) -> str:
    """A virtual host of the test's own."""
    name = f"test{next(_names)}"
    node.control("add_vhost", name)
    node.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    return node.url.removesuffix("//") + f"/{name}"


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account with a catalog."""
    return Intake(database)


@pytest.fixture
def processes(database_url: str, services: RunningServices, url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's processes run, with the hints of a Redis beside the broker."""
    with fleet(database_url, services.redis_url, tmp_path, TRUEUP_BROKER_URL=url) as running:
        yield running


def send(url: str, account: Intake, requests: list[QueuedRequest], *, size: int, times: int = 1) -> None:
    """Publishes envelopes, each so many times."""
    with Publisher(url, account=account.account, signer=Signer.of_token(account.token)) as publisher:
        for each in packs_of(requests, size=size) * times:
            publisher.send(each, queue=QUEUE_BULK)


def left(node: RabbitMQ, url: str) -> int:
    """How many messages wait, or are held by a worker."""
    told = node.control("list_queues", "-p", url.rpartition("/")[2], "--formatter", "json", "messages")
    return sum(each["messages"] for each in json.loads(told))


def wait_until_acknowledged(node: RabbitMQ, url: str) -> None:
    """Waits until no message is left."""
    wait_for(lambda: not left(node, url), what="every message to be acknowledged")


def assert_made_once(account: Intake, count: int) -> None:
    """So many commits, each with one segment and one entry, and all agrees."""
    assert [account.count(table) for table in ("commit", "segment", "ledger_entry")] == [count] * 3
    assert_reconciled(account)


def test_the_first_message_needs_no_worker(node: RabbitMQ, url: str, processes: Fleet, account: Intake) -> None:
    """A queue is declared by whoever puts the first message on it, as a quorum queue; so are those of a worker."""
    requests = requests_of(20)
    send(url, account, requests, size=10)
    processes.worker("commits.bulk,commits")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(node, url)
    told = node.control("list_queues", "-p", url.rpartition("/")[2], "--formatter", "json", "name", "type")
    assert {(each["name"], each["type"]) for each in json.loads(told)} == {(name, "quorum") for name in QUEUES}
    assert_made_once(account, 20)


def test_calls_and_producers(url: str, processes: Fleet, account: Intake) -> None:
    """A create by HTTP, by a producer that keeps and by one that does not; each twice under its key: one commit."""
    processes.worker("commits")
    bodies = [prepaid(uniqueness_key=f"key {number}") for number in range(3)]
    with gateway(processes, account.token) as calls:
        assert [calls.create(json.dumps(bodies[0])).status for _ in range(2)] == [200, 409]
        assert calls.call("GET", "/readyz").status == 200
    for body, keep in zip(bodies[1:], (True, False), strict=True):
        with CommitProducer(
            broker_url=url, token=account.token, account=account.account, database_url=processes.database_url, keep=keep
        ) as producer:
            ids = [producer.submit(body) for _ in range(2)]
            outcomes = producer.wait(ids, timeout_s=60)
            assert sorted(outcomes[each].outcome for each in ids) == ["created", "duplicate"]
    assert_made_once(account, 3)


def test_every_message_three_times(node: RabbitMQ, url: str, processes: Fleet, account: Intake) -> None:
    """To two workers at once: one commit each."""
    requests = requests_of(200, keyed=False)
    send(url, account, requests, size=20, times=3)
    for _ in range(2):
        processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(node, url)
    assert_made_once(account, 200)


@pytest.mark.parametrize("moment", ["before the commit", "between commit and ack"])
def test_a_worker_killed(node: RabbitMQ, url: str, processes: Fleet, account: Intake, moment: str) -> None:
    """Its message is delivered again at once."""
    requests = requests_of(60)
    send(url, account, requests, size=20)
    victim = processes.worker("commits.bulk", app="tests.acceptance.killed_worker", TRUEUP_TEST_KILL=moment)
    assert victim.wait() == -signal.SIGKILL
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(node, url)
    assert_made_once(account, 60)


def test_a_message_that_kills_its_workers(node: RabbitMQ, url: str, processes: Fleet, account: Intake) -> None:
    """Its deliveries are counted by the broker: it is parked in the end, and what stood behind it is decided."""
    (poison,), (good,) = requests_of(1), requests_of(1, keyed=False)
    with processes.restarting(QUEUE_BULK, app="tests.acceptance.dying_in_celery", TRUEUP_TEST_POISON=poison.id):
        send(url, account, [poison], size=1)
        send(url, account, [good], size=1)
        parked = wait_for(
            lambda: (
                account.rows("SELECT reason, request_id::text FROM parked WHERE account_id = :a")
                or account.rows("SELECT id::text FROM commit WHERE account_id = :a AND id::text = '" + poison.id + "'")
            ),
            what="an end of it",
            seconds_max=150,
        )
        assert wait_until_decided(account, [good]) == ["created"]
        wait_until_acknowledged(node, url)
    assert parked == [(poison.id,)]  # around Celery, where it dies, it does no harm: the count convicts none
    assert sum(process.poll() == -signal.SIGKILL for process in processes.started) == 5


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_that_comes_back(
    node: RabbitMQ, url: str, processes: Fleet, account: Intake, by: signal.Signals
) -> None:
    """What it had confirmed is decided, by workers that were there before; none is lost, none is made twice."""
    processes.worker("commits.bulk")
    requests = requests_of(300)
    with Publisher(url, account=account.account, signer=Signer.of_token(account.token), retry_s=120) as publisher:
        packs = packs_of(requests, size=10)
        for each in packs[:15]:
            publisher.send(each, queue=QUEUE_BULK)
        node.stop(by=by)
        node.start()
        for each in packs[15:]:
            publisher.send(each, queue=QUEUE_BULK)
    assert set(wait_until_decided(account, requests, seconds_max=120)) == {"created"}
    wait_until_acknowledged(node, url)
    assert_made_once(account, 300)


def test_a_database_that_is_away(
    node: RabbitMQ, url: str, processes: Fleet, account: Intake, services: RunningServices
) -> None:
    """Messages stay in the queue, whose workers do not run in circles, and count as never delivered."""
    port = int(services.database_url.rpartition("@")[2].partition(":")[2].partition("/")[0])
    with closing(Proxy(port)) as proxy:
        away = processes.database_url.replace(f":{port}/", f":{proxy.open_door('worker')}/")
        worker = processes.worker("commits.bulk", TRUEUP_DATABASE_URL=away)
    requests = requests_of(20)
    send(url, account, requests, size=10)
    log = processes.folder / "process-0.log"
    wait_for(lambda: log.read_text().count("envelope_sent_back") >= 3, what="the worker to give back")
    assert log.read_text().count("try_again") >= 2 * log.read_text().count("envelope_sent_back")
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    assert account.count("parked") == 0
    wait_until_acknowledged(node, url)
    assert_made_once(account, 20)


def test_a_worker_has_no_heartbeats(node: RabbitMQ, url: str, processes: Fleet) -> None:
    """It is deaf while a task runs: RabbitMQ, told of none, does not cut its connection then."""
    processes.worker("commits")
    wait_for(lambda: listening(url), what="the worker to listen")
    told = json.loads(node.control("list_connections", "--formatter", "json", "vhost", "timeout"))
    assert {each["timeout"] for each in told if each["vhost"] == url.rpartition("/")[2]} == {0}


def test_accepted_without_a_database(node: RabbitMQ, url: str, processes: Fleet, account: Intake) -> None:
    """A producer whose database is away gives its requests to RabbitMQ, which keeps them; to Redis it would not."""
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    given: dict[str, Any] = {"token": account.token, "account": account.account, "database_url": nowhere}
    with CommitProducer(broker_url=url, **given) as producer:
        made = producer.submit(prepaid())
    with CommitProducer(broker_url=processes.redis_url, **given) as producer, pytest.raises(DatabaseUnavailable):
        producer.submit(prepaid())
    processes.worker("commits")
    wait_for(lambda: account.rows("SELECT id FROM commit WHERE account_id = :a") == [(made,)], what="the commit")
    wait_until_acknowledged(node, url)


def test_a_queue_of_another_kind(url: str, account: Intake) -> None:
    """A classic queue that an earlier release left is refused, with what to do; doctor finds it."""
    with connect(url) as connection, connection.channel() as channel:
        channel.queue_declare(QUEUE_SINGLE, durable=True, auto_delete=False)
    with closing(open_broker(url)) as broker:
        envelope = write_meta(account.account, sent_at=utc_now()), json.dumps([entry(prepaid())])
        message = broker.message(TASK_CREATE, envelope, queue=QUEUE_SINGLE, headers={})
        with pytest.raises(BrokerRefused, match=r"'commits' is of another kind .* deploy/README\.md"):
            broker.put(message, queue=QUEUE_SINGLE)
    found = {finding.check: finding for finding in examine(url)}
    assert found["broker queues"].advice
    assert not found["broker"].advice


def test_a_queue_that_is_deleted(url: str) -> None:
    """What comes back from the broker, as there is no queue for it, is put on one that is declared again."""
    with closing(open_broker(url)) as broker:
        message = broker.message(TASK_CREATE, ["{}", "[]"], queue=QUEUE_SINGLE, headers={})
        broker.put(message, queue=QUEUE_SINGLE)
        with connect(url) as connection, connection.channel() as channel:
            channel.queue_delete(QUEUE_SINGLE)
        assert broker.count(QUEUE_SINGLE) == 0
        broker.put(message, queue=QUEUE_SINGLE)
        assert broker.count(QUEUE_SINGLE) == 1


def test_a_broker_that_is_full(node: RabbitMQ, url: str, account: Intake) -> None:
    """While an alarm is on, RabbitMQ says nothing to whoever publishes: it is given up in time, and doctor tells."""
    node.control("set_vm_memory_high_watermark", "0.0000001")
    try:
        began_s = time.monotonic()
        with Publisher(url, account=account.account, signer=None, retry_s=1) as publisher:
            with pytest.raises(BrokerUnavailable, match=str(node.port)):
                publisher.publish("{}", "[]", queue=QUEUE_BULK)
            assert time.monotonic() - began_s < 25
            assert publisher.backlog(QUEUE_BULK) == 0
        found = {finding.check: finding for finding in examine(url)}
        assert "alarms" in found["broker confirms"].advice
    finally:
        node.control("set_vm_memory_high_watermark", "0.4")
    with Publisher(url, account=account.account, signer=None) as publisher:
        publisher.publish("{}", "[]", queue=QUEUE_BULK)
        assert publisher.backlog(QUEUE_BULK) >= 1


def test_what_is_no_message_of_ours(node: RabbitMQ, url: str, processes: Fleet, account: Intake) -> None:
    """It is parked, and the worker lives; a header that forges the count, too."""
    (request,) = requests_of(1)
    with connect(url) as connection:
        with closing(open_broker(url)) as broker:
            broker.put(broker.message(TASK_CREATE, ["{}", "[]"], queue=QUEUE_BULK, headers={}), queue=QUEUE_BULK)
        with connection.channel() as channel:
            for message in (
                amqp.Message(b"\x00garbage"),
                amqp.Message(b"[]", content_type="application/json", application_headers={"task": 5}),
                amqp.Message("[[], {}, {}]", content_type="application/x-python-serialize"),
                amqp.Message(b"[]", application_headers={"x-delivery-count": "many", "compression": "zlib"}),
            ):
                channel.basic_publish_confirm(message, exchange="", routing_key=QUEUE_BULK)
    send(url, account, [request], size=1)
    worker = processes.worker("commits.bulk")
    assert wait_until_decided(account, [request]) == ["created"]
    wait_until_acknowledged(node, url)
    assert worker.poll() is None
    assert account.rows("SELECT count(*) FROM parked WHERE account_id IS NULL") == [(5,)]
