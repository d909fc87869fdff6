"""What stops a process: nothing that it held is lost, and nothing is done twice."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from tests import bodies
from tests.acceptance.processes import Fleet, Process, fleet, wait_for
from tests.acceptance.test_exactly_once import (
    assert_reconciled,
    packs_of,
    requests_of,
    send,
    wait_until_acknowledged,
    wait_until_decided,
)
from tests.chaos.proxy import Ambush, Proxy
from tests.integration.intake import Intake, entry

pytestmark = pytest.mark.slow


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account with a catalog."""
    return Intake(database)


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's workers run."""
    with fleet(database_url, redis_url, tmp_path) as running:
        yield running


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    """What the workers reach Postgres through."""
    port = make_url(database_url).port
    assert port is not None
    made = Proxy(port)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("signals", "way"),
    [
        ([signal.SIGTERM, signal.SIGKILL], {}),
        ([signal.SIGTERM, signal.SIGKILL], {"reaches": True}),
        ([signal.SIGQUIT], {}),
        ([signal.SIGQUIT], {"reaches": True, "is_answered": True}),
        ([signal.SIGTERM, signal.SIGTERM], {"reaches": True, "is_answered": True}),
    ],
    ids=["no grace before COMMIT", "no grace after COMMIT", "QUIT before COMMIT", "QUIT after COMMIT", "TERM twice"],
)
def test_in_the_middle_of_a_commit(
    processes: Fleet, account: Intake, proxy: Proxy, signals: list[int], way: dict[str, bool]
) -> None:
    """A worker is told to end while its COMMIT is on its way; another decides what it left, once."""
    requests, told = requests_of(60), list[Process]()

    def tell(_: str) -> None:
        for number in signals:
            told[0].send_signal(number)

    ambush = Ambush(frozenset({"victim"}), **way, meanwhile=tell)
    url = make_url(processes.database_url).set(port=proxy.open_door("victim"))
    environ = {"TRUEUP_DATABASE_URL": url.render_as_string(hide_password=False)}
    told.append(processes.worker("commits.bulk", **environ))
    proxy.lie_in_wait(ambush)
    send(processes, account, packs_of(requests, size=20))
    told[0].wait()
    assert ambush.happened.is_set()
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(processes)
    assert [account.count(table) for table in ("commit", "ledger_entry", "parked")] == [60, 60, 0]
    assert_reconciled(account)


def test_while_it_starts(processes: Fleet, account: Intake) -> None:
    """Workers that are told to end at any moment of their start take nothing with them."""
    requests = requests_of(40)
    send(processes, account, packs_of(requests, size=5))
    for _ in range(5):
        worker = processes.worker("commits.bulk", is_awaited=False)
        worker.send_signal(signal.SIGTERM)
        worker.wait()
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(processes)
    assert account.count("commit") == 40


def test_ten_schedulers(processes: Fleet, account: Intake) -> None:
    """Ten that look at once make each invoice once, numbered without a gap."""
    items = [{"timestamp": f"2025-01-{day:02}T00:00:00Z", "amount": day} for day in range(1, 11)]
    account.receive(*(entry(bodies.invoiced(*items)) for _ in range(10)))
    for _ in range(10):
        processes.scheduler()
    for _ in range(2):
        processes.worker("invoices")
    wait_for(lambda: account.count("invoice") == 100, what="100 invoices")
    assert account.rows("SELECT min(number), max(number) FROM invoice WHERE account_id = :a") == [(1, 100)]
    assert_reconciled(account)
