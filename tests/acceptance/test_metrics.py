"""What a running stack tells of itself: metrics of every process, and one request's way through their logs."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.command import Command
from tests.acceptance.conftest import CATALOG
from tests.acceptance.gateway import CREATE
from tests.acceptance.processes import wait_for
from tests.bodies import invoiced
from trueup_worker.local.servers.server import LOOPBACK
from trueup_worker.observability.exposition import OFFSETS
from trueup_worker.observability.metrics import STAGES

WORKERS = ("single", "bulk")  # both take commits

Samples = dict[str, dict[tuple[str, ...], float]]
"""By name of the sample, then by values of its labels, in the order of the labels' names."""


def free_ports() -> int:
    """The first of as many ports side by side, free a moment ago, as there are processes."""
    for base in range(21_000, 60_000, 10):
        try:
            for offset in OFFSETS.values():
                with socket.socket() as one:
                    one.bind((LOOPBACK, base + offset))
        except OSError:
            continue
        return base
    raise AssertionError("no ports are free")


@pytest.fixture(scope="module")
def base() -> int:
    """The port from which the processes count."""
    return free_ports()


@pytest.fixture(scope="module")
def told(open_folder: Path, base: int) -> Iterator[Command]:
    """A stack that serves metrics and logs everything."""
    more = {"TRUEUP_METRICS_PORT": str(base), "TRUEUP_LOG_LEVEL": "DEBUG", "TRUEUP_LOG_FORMAT": "json"}
    command = Command(open_folder / "told", open_folder, environ=more)
    command.ok("up", "--detach", "--ready-file", open_folder / "told.json")
    try:
        command.ok("catalog", "load", CATALOG)
        yield command
    finally:
        command.ok("down")


def scrape(port: int) -> Samples:
    """The samples of a process."""
    found: Samples = {}
    for family in text_string_to_metric_families(httpx.get(f"http://{LOOPBACK}:{port}/metrics", timeout=20).text):
        for sample in family.samples:
            values = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[values] = sample.value
    return found


def lines_of(stack: Command, process: str) -> list[dict[str, object]]:
    """What a process has logged."""
    text = (stack.data / "log" / f"{process}.1.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def create(stack: Command, **headers: str) -> httpx.Response:
    """A commit whose invoice is due, made over HTTP."""
    url = json.loads((stack.cwd / "told.json").read_text())["http"]
    token = (stack.data / "tokens" / "default").read_text().strip()
    answer = httpx.post(
        f"{url}{CREATE}", json=invoiced(), headers={"authorization": f"Bearer {token}", **headers}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("process", OFFSETS)
def test_each_process_has_metrics(told: Command, base: int, process: str) -> None:
    """On a port of its own, and it says what it is."""
    ((kind, _, _),) = scrape(base + OFFSETS[process])["trueup_build_info"]
    del told
    assert kind == process


def test_the_public_port_has_none(told: Command) -> None:
    """Whoever calls the gateway does not get to the metrics."""
    url = json.loads((told.cwd / "told.json").read_text())["http"]
    assert httpx.get(f"{url}/metrics").status_code == 404


def test_a_request_is_followed_by_one_id(told: Command) -> None:
    """The id in the answer's header stands in the logs of gateway, worker and invoices."""
    request_id = create(told).headers["x-request-id"]

    def of(process: str) -> dict[str, dict[str, object]]:
        return {str(line.get("action")): line for line in lines_of(told, process) if request_id in json.dumps(line)}

    wait_for(lambda: "obligations_settled" in of("invoices"), what="the invoice's line")
    assert of("gateway")["call"]["request_id"] == request_id
    wait_for(lambda: "envelope_decided" in {**of("single"), **of("bulk")}, what="the worker's line")
    decided = {**of("single"), **of("bulk")}["envelope_decided"]
    assert decided["request_id"] == request_id
    assert (decided["first"], decided["last"]) == (request_id, request_id)
    assert decided["created"] == decided["attempt"] == 1
    assert str(decided["worker"]).startswith(("single-", "bulk-"))
    assert isinstance(decided["ms"], float)
    assert isinstance(decided["account_id"], int)


def test_a_callers_own_id_is_carried(told: Command) -> None:
    """The id that a caller chose stands in gateway, worker and answer; the worker's line has the commit's id beside."""
    answer = create(told, **{"x-request-id": "order-4711"})
    assert answer.headers["x-request-id"] == "order-4711"

    def decided() -> list[object]:
        lines = [line for each in WORKERS for line in lines_of(told, each)]
        return [line["first"] for line in lines if line.get("request_id") == "order-4711"]

    wait_for(lambda: bool(decided()), what="the worker's line")
    assert decided() == [answer.json()["data"]["id"]]


def test_counts_and_gauges_tell_what_happened(told: Command, base: int) -> None:
    """A request is counted by outcome, its stages, its call, its event and its invoice; what all share, once."""

    def worked(name: str, *labels: str) -> float:
        return sum(scrape(base + OFFSETS[each])[name][labels] for each in WORKERS)

    before = worked("trueup_requests_total", "created", "commits.create")
    create(told)
    wait_for(lambda: worked("trueup_requests_total", "created", "commits.create") == before + 1, what="the count")
    assert worked("trueup_envelopes_total", "decided", "commits.create") == before + 1
    for stage in STAGES:
        assert worked("trueup_stage_seconds_count", stage) == before + 1, stage
    calls = scrape(base + OFFSETS["gateway"])["trueup_http_seconds_count"]
    assert calls["2xx", CREATE] >= 1
    wait_for(
        lambda: scrape(base + OFFSETS["invoices"])["trueup_obligations_total"]["issued",] >= before + 1,
        what="the invoice",
    )
    wait_for(
        lambda: scrape(base + OFFSETS["scheduler"])["trueup_events_total"]["invoice.finalized",] >= before + 1,
        what="its event",
    )
    scheduler = scrape(base + OFFSETS["scheduler"])
    assert scheduler["trueup_database_up"] == scheduler["trueup_broker_up"] == {(): 1.0}
    assert scheduler["trueup_queue_messages"]["commits",] == 0
    assert scheduler["trueup_kept_envelopes"] == scheduler["trueup_held_obligations"] == {(): 0.0}
    assert scheduler["trueup_parked"]["transient",] == 0
    assert scheduler["trueup_scheduler_last_look_timestamp_seconds"][()] > 0
    assert scheduler["trueup_scheduler_step_seconds_count"]["issue",] > 0
    assert scheduler.keys() - scrape(base + OFFSETS["single"]).keys() >= {"trueup_queue_messages", "trueup_parked"}


def test_labels_are_closed(told: Command, base: int) -> None:
    """A path that nobody knows is `other`, however many there are; no label is an id or the name of an account."""
    url = json.loads((told.cwd / "told.json").read_text())["http"]
    gateway = base + OFFSETS["gateway"]
    httpx.get(f"{url}/v1/nothing")
    before = scrape(gateway)["trueup_http_seconds_count"]
    for number in range(3):
        httpx.get(f"{url}/v1/nothing/{number}")
    found = scrape(gateway)["trueup_http_seconds_count"]
    assert found["4xx", "other"] == before["4xx", "other"] + 3
    assert found.keys() == before.keys()
    for process in OFFSETS:
        for values in scrape(base + OFFSETS[process]).values():
            assert not any("default" in labels for labels in values)
