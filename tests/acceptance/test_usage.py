"""Usage as a user meets it: ingested twice, listed, and recorded once by workers that are killed."""

import gzip
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.acceptance.command import Command
from tests.acceptance.processes import Fleet, fleet
from tests.acceptance.test_exactly_once import assert_reconciled, wait_until_acknowledged, wait_until_decided
from tests.integration.intake import Intake, entry
from tests.unit.wire.test_usage import NOBODY, line
from trueup.producer.client import UsageProducer
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import QUEUE_USAGE, TASK_RECORD
from trueup.wire.message.packing import pack

RESULT = ("rows", "new", "created", "duplicate", "invalid", "not_found", "parked")
HEADER = "transaction_id,customer_id,contract_id,product_id,timestamp,quantity,list_price"


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account with a catalog."""
    return Intake(database, task=TASK_RECORD)


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's workers run."""
    with fleet(database_url, redis_url, tmp_path) as running:
        yield running


def used(number: int, *, name: str, **changes: Any) -> dict[str, Any]:
    """A line of its own, in a month that will not be closed during the test."""
    day = f"2030-{number % 12 + 1:02}-{number % 28 + 1:02}"
    return line(transaction_id=f"{name} {number}", timestamp=f"{day}T12:00:00Z", quantity=number, **changes)


def counts(summary: dict[str, Any]) -> list[int]:
    """What a run reports, in the order of its columns."""
    return [int(summary[name]) for name in RESULT]


def test_ingested_twice(stack: Command, tmp_path: Path) -> None:
    """The second time nothing is new; with --new every line is accepted silently, and none is stored again."""
    file = tmp_path / "usage.jsonl.gz"
    text = "".join(json.dumps(used(number, name="twice")) + "\n" for number in range(1_200))
    file.write_bytes(gzip.compress(text.encode()))
    assert counts(stack.ok("usage", "ingest", "--json", file).json()) == [1_200, 1_200, 1_200, 0, 0, 0, 0]
    assert counts(stack.ok("usage", "ingest", "--json", file).json()) == [1_200, 0, 1_200, 0, 0, 0, 0]
    assert counts(stack.ok("usage", "ingest", "--json", "--new", file).json()) == [1_200, 0, 1_200, 0, 0, 0, 0]
    listed = stack.ok("usage", "list", "--json").json()
    assert sum(each["transaction_id"].startswith("twice ") for each in listed) == 1_200


def test_rows_that_fail(stack: Command, tmp_path: Path) -> None:
    """Exit code 3; the results name every row, and the failed rows can be corrected and sent."""
    results, failed = tmp_path / "results.jsonl", tmp_path / "failed.jsonl"
    rows = [used(1, name="bad"), used(2, name="bad", product_id=NOBODY), used(1, name="bad", list_price=1)]
    text = "\n".join([*map(json.dumps, rows), '{"quantity": NaN}'])
    sent = stack("usage", "ingest", "--json", "--results", results, "--failed", failed, "-", stdin=text.encode())
    assert (sent.code, counts(sent.json())) == (3, [4, 1, 1, 0, 2, 1, 0])
    told = [json.loads(each) for each in results.read_text().splitlines()]
    assert [[each["outcome"], *(error["code"] for error in each["errors"])] for each in told] == [
        ["created"],
        ["not_found", "product_not_found"],
        ["invalid", "transaction_id_reused"],
        ["invalid", "json_invalid"],
    ]
    assert told[2]["existing"]["id"] == told[0]["id"]
    assert [json.loads(each) for each in failed.read_text().splitlines()[:2]] == rows[1:]
    shown = stack.ok("requests", "show", told[0]["id"], "--json").json()
    assert (shown["outcome"], shown["existing"]) == ("created", None)


@pytest.mark.slow
def test_csv_and_a_dry_run(stack: Command, tmp_path: Path) -> None:
    """A dry run judges every row and stores nothing; afterwards the file is ingested."""
    file = tmp_path / "usage.csv"
    cells = [list(map(str, used(number, name="csv").values())) for number in range(3)]
    file.write_text("\n".join([HEADER, *map(",".join, cells)]))
    judged = stack.ok("usage", "ingest", "--dry-run", "--json", file).json_lines()
    assert [each["outcome"] for each in judged] == ["valid"] * 3
    assert stack("validate", "--kind", "usage", file).code == 0
    assert counts(stack.ok("usage", "ingest", "--json", file).json()) == [3, 3, 3, 0, 0, 0, 0]
    assert stack.ok("usage", "list", "--limit", "1").stdout.count("GPU hours") == 1
    assert stack.ok("usage", "list", "--customer", NOBODY, "--json").json() == []
    assert stack.ok("usage", "list", "--late", "--json").json() == []


@pytest.mark.slow
def test_usage_errors(stack: Command, tmp_path: Path) -> None:
    """What cannot be read ends with 4, a wrong option with 2, a missing scope with 8."""
    assert stack("usage", "ingest", tmp_path / "missing.jsonl").code == 4
    file = tmp_path / "usage.csv"
    file.write_text(HEADER.replace("list_price", "price"))
    refused = stack("usage", "ingest", file)
    assert (refused.code, "did you mean 'list_price'?" in refused.stderr) == (4, True)
    assert stack("usage", "ingest", "--kind", "commit", "-", stdin=b"{}").code == 2
    token = stack.ok("tokens", "create", "--scope", "commits:write").stdout.strip()
    assert stack("usage", "ingest", "-", stdin=b"{}", TRUEUP_TOKEN=token).code == 8


@pytest.mark.parametrize("moment", ["before the commit", "between commit and ack"])
def test_a_worker_killed(processes: Fleet, account: Intake, moment: str) -> None:
    """A worker killed with -9 in the middle loses no line and doubles none."""
    entries = [entry(used(number, name="killed")) for number in range(300)]
    requests = [QueuedRequest(each["id"], "usage", None, json.dumps(each["body"])) for each in entries]
    with Publisher(processes.redis_url, account="acme", signer=Signer.of_token(account.token)) as publisher:
        for start in range(0, 300, 100):
            publisher.send(next(pack(requests[start : start + 100])), queue=QUEUE_USAGE)
    victim = processes.worker(QUEUE_USAGE, app="tests.acceptance.killed_worker", TRUEUP_TEST_KILL=moment)
    assert victim.wait(timeout=60) == -signal.SIGKILL
    assert account.count("usage_line") == (0 if moment == "before the commit" else 100)
    processes.worker(QUEUE_USAGE)
    assert set(wait_until_decided(account, requests)) == {"created"}
    wait_until_acknowledged(processes)
    assert [account.count(table) for table in ("usage_line", "usage_month", "outcome", "delivery")] == [300, 12, 0, 0]
    assert_reconciled(account)


def test_the_producer(processes: Fleet, account: Intake) -> None:
    """Lines that a Python program submits are kept and recorded; the same line again is created without effect."""
    processes.worker("commits,usage")
    lines = [used(number, name="producer") for number in range(30)]
    producer = UsageProducer(
        broker_url=processes.redis_url,
        token=account.token,
        account=account.account,
        database_url=processes.database_url,
        redis_url=processes.redis_url,
    )
    with producer:
        ids = [*producer.submit_many(lines), producer.submit(lines[0])]
        outcomes = producer.wait(ids, timeout_s=60)
    assert [outcomes[each].outcome for each in ids] == ["created"] * 31
    assert (outcomes[ids[30]].existing or {})["id"] == str(ids[0])
    assert (account.count("usage_line"), account.count("intake")) == (30, 0)
