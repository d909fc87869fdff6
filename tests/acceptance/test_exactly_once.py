"""Exactly one commit and one invoice each, whatever is delivered twice or dies."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import kombu
import pytest
import redis
from sqlalchemy import Engine

from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import CONTRACT, prepaid
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.producer.client import CommitProducer
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.store.requests.outcomes import read_outcomes
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import QUEUE_BULK
from trueup.wire.message.packing import Pack, pack, write_meta
from trueup_worker.reporting.reconcile import reconcile


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account with a catalog."""
    return Intake(database)


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's workers run."""
    with fleet(database_url, redis_url, tmp_path) as running:
        yield running


def requests_of(count: int, *, keyed: bool = True) -> list[QueuedRequest]:
    """Valid requests, each with its own id and key."""
    entries = [entry(prepaid(uniqueness_key=f"key {number}" if keyed else None)) for number in range(count)]
    return [QueuedRequest(each["id"], "commit", None, json.dumps(each["body"])) for each in entries]


def packs_of(requests: list[QueuedRequest], *, size: int) -> list[Pack]:
    """Envelopes of `size` requests."""
    return [next(pack(requests[start : start + size])) for start in range(0, len(requests), size)]


def send(processes: Fleet, account: Intake, packs: list[Pack]) -> None:
    """Publishes envelopes."""
    signer = Signer.of_token(account.token)
    with Publisher(processes.redis_url, account=account.account, signer=signer) as publisher:
        for each in packs:
            publisher.send(each, queue=QUEUE_BULK)


def wait_until_decided(account: Intake, requests: list[QueuedRequest], *, seconds_max: float = 60) -> list[str]:
    """The outcomes of all of them, once they are there."""
    ids = [UUID(each.id) for each in requests]

    def decided() -> list[str] | None:
        with account.engine.connect() as connection:
            found = read_outcomes(connection, account.account_id, ids)
        return [found[each].outcome for each in ids] if len(found) == len(ids) else None

    return wait_for(decided, what=f"{len(ids)} outcomes", seconds_max=seconds_max)


def wait_until_acknowledged(processes: Fleet) -> None:
    """Waits until, at one moment, no message is queued or held, and every worker waits for the next.

    A message that a worker took and has not yet noted as held is in neither place; but that worker does not wait.
    """

    def idle(client: "redis.Redis") -> bool:
        running = sum(process.poll() is None for process in processes.started)
        with client.pipeline() as moment:
            for queue in (QUEUE_BULK, "commits", "usage"):
                moment.llen(queue)
            moment.hlen("unacked")
            moment.info("clients")
            *left, clients = moment.execute()
        return not sum(left) and clients["blocked_clients"] == running

    with redis.Redis.from_url(processes.redis_url) as client:
        wait_for(lambda: idle(client), what="every message to be acknowledged")


def assert_reconciled(account: Intake) -> None:
    """Nothing that reconcile looks at differs."""
    with account.engine.connect() as connection:
        assert reconcile(connection, account.account_id) == []


@pytest.mark.parametrize("moment", ["before the commit", "between commit and ack"])
def test_a_worker_killed(processes: Fleet, account: Intake, moment: str) -> None:
    """A worker killed with -9 loses nothing and doubles nothing: its envelope comes back and finds its own commits."""
    requests = requests_of(300)
    send(processes, account, packs_of(requests, size=100))
    victim = processes.worker("commits.bulk", app="tests.acceptance.killed_worker", TRUEUP_TEST_KILL=moment)
    assert victim.wait(timeout=60) == -signal.SIGKILL
    assert account.count("commit") == (0 if moment == "before the commit" else 100)
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(processes)
    assert [account.count(table) for table in ("commit", "segment", "ledger_entry")] == [300, 300, 300]
    assert account.rows("SELECT sum(cardinality(subject_ids)) FROM outbox WHERE account_id = :a") == [(300,)]
    assert_reconciled(account)


def test_every_message_of_a_batch_delivered_three_times(processes: Fleet, account: Intake) -> None:
    """Redelivery of everything, to two workers at once and in another order, makes one commit each."""
    requests = requests_of(400, keyed=False)
    packs = packs_of(requests, size=50)
    send(processes, account, packs + packs[::-1] + packs)
    for _ in range(2):
        processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(processes)
    assert [account.count(table) for table in ("commit", "segment", "ledger_entry", "outcome")] == [400, 400, 400, 0]
    assert_reconciled(account)


def test_fifty_submissions_of_one_key(processes: Fleet, account: Intake) -> None:
    """Fifty concurrent submissions of one uniqueness key make one commit; forty-nine learn its id."""
    for _ in range(2):
        processes.worker("commits")
    with (
        CommitProducer(
            broker_url=processes.redis_url,
            token=account.token,
            account=account.account,
            database_url=processes.database_url,
            redis_url=processes.redis_url,
        ) as producer,
        ThreadPoolExecutor(50) as pool,
    ):
        ids = list(pool.map(producer.submit, [prepaid(uniqueness_key="one")] * 50))
        outcomes = producer.wait(ids, timeout_s=60)
    assert sorted(each.outcome for each in outcomes.values()) == ["created"] + ["duplicate"] * 49
    [winner] = [str(each.request_id) for each in outcomes.values() if each.outcome == "created"]
    assert {each.existing["id"] for each in outcomes.values() if each.existing} == {winner}
    assert account.count("commit") == 1


def test_two_schedulers_and_three_workers(processes: Fleet, account: Intake) -> None:
    """2,000 due obligations become 2,000 invoices, numbered 1 to 2,000 without a gap, whoever looks and works."""
    schedule = {"schedule_items": [{"timestamp": f"2025-01-{day:02}T00:00:00Z", "amount": day} for day in range(1, 21)]}
    body = prepaid(invoice_schedule=schedule, invoice_contract_id=CONTRACT)
    account.receive(*(entry(body) for _ in range(100)))
    for _ in range(3):
        processes.worker("invoices")
    for _ in range(2):
        processes.scheduler()
    wait_for(lambda: account.count("invoice") == 2_000, what="2,000 invoices")
    [numbers] = account.rows(
        "SELECT min(number), max(number), count(DISTINCT number) FROM invoice WHERE account_id = :a"
    )
    assert tuple(numbers) == (1, 2_000, 2_000)
    assert account.rows("SELECT count(*) FROM obligation WHERE account_id = :a AND state = 'issued'") == [(2_000,)]
    assert_reconciled(account)


@pytest.mark.slow
def test_a_request_that_kills_its_worker(processes: Fleet, account: Intake) -> None:
    """Its envelope is halved from the third delivery on; in the end it alone is parked, its neighbours are commits."""
    requests = requests_of(8)
    body = json.dumps(prepaid(name="poison"))
    requests[5] = QueuedRequest(requests[5].id, "commit", None, body)
    processes.scheduler()
    send(processes, account, packs_of(requests, size=8))
    mortal = processes.restarting(
        "commits,commits.bulk", app="tests.acceptance.killed_worker", TRUEUP_TEST_KILL="poison"
    )
    with mortal:
        outcomes = wait_until_decided(account, requests, seconds_max=150)
    assert outcomes == ["created"] * 5 + ["parked"] + ["created"] * 2
    assert account.rows("SELECT reason, request_id::text FROM parked WHERE account_id = :a") == [
        ("kills_worker", requests[5].id)
    ]
    assert [account.count(table) for table in ("intake", "delivery")] == [0, 0]
    assert_reconciled(account)


def test_kept_envelopes_survive_an_empty_broker(processes: Fleet, account: Intake) -> None:
    """What was accepted is published again by the sweepers, two of them, when the broker forgot it."""
    requests = requests_of(40)
    meta = write_meta(account.account, sent_at=utc_now())
    with account.engine.begin() as connection:
        accept(
            connection,
            account.account_id,
            [Kept(meta, each.text, QUEUE_BULK, len(each.requests)) for each in packs_of(requests, size=5)],
            lease_s=60,
            due_now=True,
        )
    for _ in range(2):
        processes.scheduler()
    processes.worker("commits,commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_for(lambda: account.count("intake") == 0, what="the kept envelopes to be released")
    assert_reconciled(account)


def test_what_celery_would_drop_is_parked(processes: Fleet, account: Intake) -> None:
    """An unknown task, a bad body, wrong arguments, another content type: all are parked, and the worker goes on."""
    processes.worker("commits.bulk")
    good = requests_of(3)
    with kombu.Connection(processes.redis_url) as broker, broker.Producer() as producer:

        def publish(body: object, *, task: str = "commits.create", **more: object) -> None:
            headers = {"task": task, "id": str(new_id()), "lang": "py"}
            producer.publish(body, routing_key=QUEUE_BULK, **{"headers": headers, "serializer": "json", **more})

        publish([["{}", "[]"], {}, {}], task="commits.destroy")
        publish([["{}"], {}, {}])
        publish([[1, 2], {}, {}])
        publish([["{}", "[]"], {"more": 1}, {}])
        publish(b"{not json", serializer=None, content_type="application/json", content_encoding="utf-8")
        publish([["{}", "[]"], {}, {}], serializer="pickle")
        publish({"hello": "world"}, headers={})
    send(processes, account, [Pack(good[:1], "garbage"), *packs_of(good, size=3)])
    assert set(wait_until_decided(account, good)) == {"created"}
    found = account.rows("SELECT reason, count(*) FROM parked GROUP BY reason ORDER BY reason")
    assert dict(map(tuple, found)) == {
        "bad_envelope": 1,
        "rejected": 2,
        "undecodable": 1,
        "unknown_task": 1,
        "wrong_arity": 3,
    }
