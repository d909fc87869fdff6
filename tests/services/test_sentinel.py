"""Redis behind Sentinel as broker and cache: a failover under load costs seconds, and nothing that was kept."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.acceptance.test_exactly_once import (
    assert_reconciled,
    packs_of,
    requests_of,
    wait_until_decided,
)
from tests.folders import servers_folder
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid
from tests.services.sentinels import Sentinels, sentinels
from trueup.broker.examination import examine, listening
from trueup.producer.client import CommitProducer
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.redis.pools import client
from trueup.wire.message.names import QUEUE_BULK


@pytest.fixture(scope="module")
def watched() -> Iterator[Sentinels]:
    """The servers of the module."""
    with servers_folder() as folder, sentinels(folder) as running:
        yield running


@pytest.fixture
def url(watched: Sentinels) -> str:
    """Where an empty broker is found."""
    with client(watched.url) as master:
        master.flushall()
    return watched.url


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account with a catalog."""
    return Intake(database)


@pytest.fixture
def processes(database_url: str, url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's processes run; the cache lies beside the broker."""
    cache = url.removesuffix("/0") + "/1"
    with fleet(database_url, url, tmp_path, TRUEUP_REDIS_URL=cache, TRUEUP_LEASE_S="2") as running:
        yield running


def assert_made_once(account: Intake, count: int) -> None:
    """So many commits, each with one segment and one entry, and all agrees."""
    assert [account.count(table) for table in ("commit", "segment", "ledger_entry")] == [count] * 3
    assert_reconciled(account)


def test_calls_and_producers(url: str, processes: Fleet, account: Intake) -> None:
    """Calls are answered by hint, and producers' requests decided; a key makes one commit."""
    processes.worker("commits")
    bodies = [prepaid(uniqueness_key=f"key {number}") for number in range(2)]
    with gateway(processes, account.token) as calls:
        assert [calls.create(json.dumps(bodies[0])).status for _ in range(2)] == [200, 409]
        assert calls.call("GET", "/readyz").status == 200
    with CommitProducer(
        broker_url=url,
        token=account.token,
        account=account.account,
        database_url=processes.database_url,
        redis_url=url.removesuffix("/0") + "/1",
    ) as producer:
        ids = [producer.submit(bodies[1]) for _ in range(2)]
        outcomes = producer.wait(ids, timeout_s=60)
        assert sorted(outcomes[each].outcome for each in ids) == ["created", "duplicate"]
    assert_made_once(account, 2)


def test_a_worker_killed(url: str, processes: Fleet, account: Intake) -> None:
    """Its message comes back after the visibility time-out, as on any Redis."""
    requests = requests_of(60)
    with Publisher(url, account=account.account, signer=Signer.of_token(account.token)) as publisher:
        for each in packs_of(requests, size=20):
            publisher.send(each, queue=QUEUE_BULK)
    victim = processes.worker(
        "commits.bulk", app="tests.acceptance.killed_worker", TRUEUP_TEST_KILL="before the commit"
    )
    assert victim.wait() == -signal.SIGKILL
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    assert_made_once(account, 60)


def call_until(over: Event, calls: Gateway) -> tuple[list[str], list[int]]:
    """Creates, one after the other; the ids of those that were accepted, and the statuses of the others."""
    accepted, refused = [], []
    while not over.is_set():
        answer = calls.create(prepaid())
        if answer.status in {200, 202}:
            accepted.append(answer.json["data"]["id"])
        else:
            refused.append(answer.status)
    return accepted, refused


def test_a_failover_under_load(watched: Sentinels, url: str, processes: Fleet, account: Intake) -> None:
    """The master is killed while calls and a producer send: what was accepted is one commit each, and all go on."""
    for _ in range(2):
        processes.worker("commits,commits.bulk,usage")
    processes.scheduler()
    over = Event()
    with (
        gateway(processes, account.token) as calls,
        CommitProducer(
            broker_url=url,
            token=account.token,
            account=account.account,
            database_url=processes.database_url,
            resend_after_s=2,
        ) as producer,
        ThreadPoolExecutor(1) as pool,
    ):
        calling = pool.submit(call_until, over, calls)
        try:
            ids = [producer.submit(prepaid()) for _ in range(50)]
            killed = watched.master
            watched.kill_master()
            ids += [producer.submit(prepaid()) for _ in range(50)]
            watched.bring_back(killed)
            assert wait_for(lambda: calls.create(prepaid()).status == 200, what="a call to be answered")
        finally:
            over.set()
        accepted, refused = calling.result()
        outcomes = producer.wait(ids, timeout_s=120)
    assert [outcomes[each].outcome for each in ids] == ["created"] * 100
    assert set(refused) <= {503}
    assert accepted

    def missing() -> set[str]:
        return set(accepted) - {each for (each,) in account.rows("SELECT id::text FROM commit WHERE account_id = :a")}

    wait_for(lambda: not missing(), what="every accepted call's commit", seconds_max=120)
    assert_reconciled(account)


def test_a_master_that_is_demoted(watched: Sentinels, url: str, processes: Fleet, account: Intake) -> None:
    """A failover by hand leaves the old master alive: nobody goes on writing to it."""
    processes.worker("commits.bulk")
    wait_for(lambda: listening(url), what="the worker to listen")
    requests = requests_of(40)
    with Publisher(url, account=account.account, signer=Signer.of_token(account.token)) as publisher:
        for number, each in enumerate(packs_of(requests, size=1)):
            publisher.send(each, queue=QUEUE_BULK)
            if number == 20:
                wait_for(watched.is_replicated, what="the replica to catch up")
                watched.fail_over()
    assert set(wait_until_decided(account, requests, seconds_max=120)) == {"created"}
    assert_made_once(account, 40)


def test_doctor_asks_each_sentinel(watched: Sentinels, url: str) -> None:
    """One that does not answer is named, while the others lead to the master."""
    found = list(examine(url))
    assert [finding.advice for finding in found if finding.check == "sentinel"] == ["", "", ""]
    assert str(watched.master) in next(finding.found for finding in found if finding.check == "sentinel")
    stopped = watched.sentinels[0]
    stopped.stop()
    found = [finding for finding in examine(url) if finding.check == "sentinel"]
    assert [bool(finding.advice) for finding in found] == [True, False, False]
    assert str(stopped.port) in found[0].found
    with Publisher(url, account="acme", signer=None) as publisher:
        assert publisher.backlog(QUEUE_BULK) == 0
