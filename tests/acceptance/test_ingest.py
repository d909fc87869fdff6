"""`trueup ingest` as a user meets it: twice, interrupted, in two terminals, and while what it needs goes away."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import psycopg
import pytest
import redis

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.processes import ROOT, wait_for
from tests.bodies import CONTRACT, CUSTOMER, PRODUCT
from trueup.producer.client import CommitProducer
from trueup.wire.message.names import QUEUE_BULK

SAMPLE = ROOT / "deploy" / "sample"


def body(number: int, *, name: str, **more: Any) -> dict[str, Any]:
    """A valid request with a key of its own."""
    item = {"amount": number + 1, "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2026-01-01T00:00:00Z"}
    return {
        "customer_id": CUSTOMER,
        "type": "PREPAID",
        "priority": 1,
        "product_id": PRODUCT,
        "access_schedule": {"schedule_items": [item]},
        "uniqueness_key": f"{name} {number}",
        **more,
    }


def batch_file(folder: Path, *, name: str, rows: int) -> Path:
    """A file of valid requests."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(body(number, name=name)) + "\n" for number in range(rows)))
    return path


@pytest.fixture
def urls(stack: Command) -> dict[str, str]:
    """Where the stack's services answer."""
    found: dict[str, str] = json.loads((stack.cwd / "ready.json").read_text())
    return found


@contextmanager
def ingesting(stack: Command, file: Path) -> Iterator[subprocess.Popen[str]]:
    """`trueup ingest --json FILE` in the background."""
    process = subprocess.Popen(
        [PROGRAM, "ingest", "--json", str(file)],
        env=stack.surroundings(),
        cwd=stack.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def commits_of(urls: dict[str, str], name: str) -> int:
    """How many commits have keys of this file."""
    with psycopg.connect(urls["database"]) as connection:
        found = connection.execute(
            "SELECT count(*) FROM commit WHERE uniqueness_key LIKE %s", (f"{name} %",)
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_the_sample_twice(stack: Command, urls: dict[str, str], tmp_path: Path) -> None:
    """The second time nothing is new and every row has the same id and outcome, with an emptied Valkey too."""
    stack.ok("accounts", "create", "sample")
    stack.ok("catalog", "load", SAMPLE / "catalog.json", "--account", "sample")
    results = [tmp_path / "first.jsonl", tmp_path / "second.jsonl", tmp_path / "third.jsonl"]
    summaries = []
    for path in results:
        done = stack("ingest", "--json", SAMPLE / "requests.jsonl", "--results", path, "--account", "sample")
        assert done.code == 3
        summaries.append(done.json())
        with redis.Redis.from_url(urls["redis"]) as client:
            client.flushall()
    assert [summary["new"] for summary in summaries] == [summaries[0]["created"], 0, 0]
    assert summaries[0]["rows"] == sum(summaries[0][each] for each in ("created", "duplicate", "invalid", "not_found"))
    assert results[0].read_text() == results[1].read_text() == results[2].read_text()
    wait_for(lambda: stack("reconcile", "--account", "sample").code == 0, what="reconcile to be clean")


def test_failed_rows_of_a_csv_file_are_csv(stack: Command, tmp_path: Path) -> None:
    """With the header, each record as it stood, so that they are mended where they came from; their form has codes."""
    stack.ok("accounts", "create", "csv")
    stack.ok("catalog", "load", SAMPLE / "catalog.json", "--account", "csv")
    case, results, failed = (tmp_path / name for name in ("case.csv", "results.jsonl", "failed.csv"))
    content = (ROOT / "tests" / "data" / "files" / "05_csv_form_told_as_json.csv").read_bytes()
    case.write_bytes(content)
    done = stack("ingest", case, "--account", "csv", "--results", results, "--failed", failed)
    assert done.code == 3, done.stderr
    codes = [[each["code"] for each in json.loads(line)["errors"]] for line in results.read_text().splitlines()]
    assert codes == [[], ["csv_row_shape"], ["not_utf8"]]
    header, _, *wrong = content.splitlines()
    assert failed.read_bytes().splitlines() == [header, *wrong]
    failed.write_bytes(header + b"\n" + wrong[1].replace(b"\xfc", "ü".encode()) + b"\n")
    again = stack.ok("ingest", "--json", failed, "--account", "csv").json()
    assert (again["rows"], again["created"]) == (1, 1)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_failed_rows_that_are_too_large_are_named(stack: Command, tmp_path: Path, form: str) -> None:
    """The file of failed rows has none of which only the beginning is held."""
    file, failed = tmp_path / f"large.{form}", tmp_path / "failed"
    if form == "csv":
        start = "customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before,name\n"
        wrong, large = "c,PREPAID,1,p,1,s,e,x\n", f"c,PREPAID,1,p,1,s,e,{'x' * 600_000}\n"
    else:
        start, wrong, large = "", '{"name": "x"}\n', f'{{"name": "{"x" * 600_000}"}}\n'
    file.write_text(start + wrong + large + wrong)
    done = stack("ingest", file, "--failed", failed)
    assert done.code == 3, done.stderr
    assert "row 2 is too large to be held: it is not in the file of failed rows" in done.stderr
    assert failed.read_text() == start + wrong + wrong


def test_failed_rows_of_another_encoding_are_utf8(stack: Command, tmp_path: Path) -> None:
    """The command says so, and refuses to read them by the file's encoding; read without it, they are as they were."""
    stack.ok("accounts", "create", "encodings")
    stack.ok("catalog", "load", SAMPLE / "catalog.json", "--account", "encodings")
    case, failed = tmp_path / "case.csv", tmp_path / "failed.csv"
    content = (ROOT / "tests" / "data" / "files" / "05_csv_form_told_as_json.csv").read_bytes()
    header, good, *_ = content.splitlines()
    case.write_bytes(header + b"\n" + good + ",zu viel für sie".encode("cp1252") + b"\n")
    options = ("--encoding", "cp1252", "--account", "encodings")
    done = stack("ingest", case, *options, "--failed", failed)
    assert (done.code, "sent (without --encoding: it is UTF-8)" in done.stderr) == (3, True), done.stderr
    again = stack("ingest", failed, *options)
    assert (again.code, "leave --encoding out" in again.stderr) == (4, True), again.stderr
    assert "für" in failed.read_text(encoding="utf-8-sig")
    failed.write_text(failed.read_text(encoding="utf-8-sig").replace(",zu viel für sie", ""), encoding="utf-8-sig")
    assert stack.ok("ingest", "--json", failed, "--account", "encodings").json()["created"] == 1


def test_interrupted_and_resumed(stack: Command, urls: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C ends with 130 and says what was sent; the same command again makes the rest, and nothing twice."""
    file = batch_file(tmp_path, name="interrupted", rows=30_000)
    with ingesting(stack, file) as process:
        wait_for(lambda: commits_of(urls, "interrupted"), what="the first commits")
        process.send_signal(signal.SIGINT)
        summary, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command again sends the others" in said
    assert json.loads(summary)["rows"] == 30_000
    resumed = stack.ok("ingest", "--json", file).json()
    assert (resumed["created"], commits_of(urls, "interrupted")) == (30_000, 30_000)


def array_of(lines: Path) -> Path:
    """The same rows as a JSON array."""
    path = lines.with_suffix(".json")
    path.write_text(f"[{','.join(lines.read_text().splitlines())}]")
    return path


@pytest.mark.parametrize("change", ["grows", "shrinks", "shrinks as an array", "is removed"])
def test_a_file_that_changes_while_it_is_sent(
    stack: Command, urls: dict[str, str], tmp_path: Path, change: str
) -> None:
    """It ends with 4 and says what was sent; the batch has an outcome for each of its rows, so nothing differs."""
    file = batch_file(tmp_path, name=change, rows=30_000)
    file = array_of(file) if "array" in change else file
    with ingesting(stack, file) as process:
        wait_for(lambda: commits_of(urls, change), what="the first commits")
        if change == "is removed":
            file.unlink()
        else:
            os.truncate(file, file.stat().st_size + (1 if change == "grows" else -1_000_000))
        _, said = process.communicate(timeout=120)
    assert process.returncode == 4, said
    assert "rows of what it was at first were sent, as batch" in said
    assert f"{commits_of(urls, change)} created" in said
    (batch_id,) = re.findall(r"as batch (\S+)", said)
    assert batch_id not in stack("reconcile", "--json").stdout


def test_a_named_pipe_becomes_commits(stack: Command, urls: dict[str, str], tmp_path: Path) -> None:
    """It can be read once, and is all the same judged before it is sent."""
    content = batch_file(tmp_path, name="piped", rows=3).read_text()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for command in ("validate", "ingest"):
        writer = Thread(target=pipe.write_text, args=(content,))
        writer.start()
        done = stack.ok(command, "--json", pipe)
        writer.join()
        assert len(done.json_lines()) == (3 if command == "validate" else 1)
    assert commits_of(urls, "piped") == 3


def test_in_two_terminals_at_once(stack: Command, urls: dict[str, str], tmp_path: Path) -> None:
    """The same file twice at the same time makes each commit once; both runs report all rows created."""
    file = batch_file(tmp_path, name="twice", rows=4_000)
    with ingesting(stack, file) as one, ingesting(stack, file) as other:
        summaries = [json.loads(process.communicate(timeout=120)[0]) for process in (one, other)]
    assert [summary["created"] for summary in summaries] == [4_000, 4_000]
    assert commits_of(urls, "twice") == 4_000


@pytest.mark.parametrize("service", ["postgres", "valkey-server"])
def test_a_service_dies_in_the_middle(stack: Command, urls: dict[str, str], tmp_path: Path, service: str) -> None:
    """The run says so, waits, goes on by itself, and loses nothing; the supervisor has brought the service back."""
    name = f"without {service}"
    file = batch_file(tmp_path, name=name, rows=8_000)
    state = json.loads((stack.data / "run" / "state.json").read_text())
    children = psutil.Process(state["pid"]).children()
    [server] = [child for child in children if child.name().startswith(service)]
    with ingesting(stack, file) as process:
        wait_for(lambda: commits_of(urls, name), what="the first commits")
        server.kill()
        summary, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert json.loads(summary)["created"] == 8_000
    wait_for(lambda: stack("reconcile").code == 0, what="reconcile to be clean")


def test_a_flood_delays_neither_a_single_request_nor_an_invoice(
    stack: Command, urls: dict[str, str], tmp_path: Path
) -> None:
    """While a file of another account is being worked, a single request is decided and its invoice issued."""
    stack.ok("accounts", "create", "flood")
    stack.ok("catalog", "load", ROOT / "tests" / "data" / "cases" / "catalog.json", "--account", "flood")
    file = batch_file(tmp_path, name="flood", rows=60_000)
    token = (stack.data / "tokens" / "default").read_text().strip()
    due = {"schedule_items": [{"timestamp": "2025-01-01T00:00:00Z", "amount": 7}]}
    flood = Command(stack.data, stack.cwd, {"TRUEUP_TOKEN": (stack.data / "tokens" / "flood").read_text().strip()})
    producer = CommitProducer(
        broker_url=urls["broker"],
        token=token,
        account="default",
        database_url=urls["database"],
        redis_url=urls["redis"],
    )
    with producer, ingesting(flood, file) as flooding, redis.Redis.from_url(urls["broker"]) as broker:
        wait_for(lambda: broker.llen(QUEUE_BULK) > 10, what="a backlog")
        began_s = time.monotonic()
        request = producer.submit(body(0, name="single", invoice_schedule=due, invoice_contract_id=CONTRACT))
        assert producer.wait([request], timeout_s=20)[request].outcome == "created"
        waited_s = time.monotonic() - began_s
        assert broker.llen(QUEUE_BULK) > 0, "the flood was over before the single request was decided"
        assert waited_s < 5
        wait_for(lambda: invoices_of(urls, str(request)) == 1, what="its invoice", seconds_max=10)
        assert broker.llen(QUEUE_BULK) > 0, "the flood was over before the invoice was issued"
        flooding.communicate(timeout=120)
        assert flooding.returncode == 0


def invoices_of(urls: dict[str, str], commit_id: str) -> int:
    """How many invoices a commit has."""
    with psycopg.connect(urls["database"]) as connection:
        found = connection.execute("SELECT count(*) FROM invoice WHERE commit_id = %s", (commit_id,)).fetchone()
    assert found is not None
    return int(found[0])
