"""Alerts, their tests, their runbook and the boards: none names what is not there, and none is left out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import REGISTRY

from trueup_worker.observability import metrics
from trueup_worker.observability.exposition import OFFSETS

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
RUNBOOK = "deploy/runbooks/alerts.md"
BOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
GROUPS = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
NAME = re.compile(r"\b(?:trueup|process|python)_[a-z0-9_]+")
OF_LINUX = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
PARTS = ("Meaning", "See", "Do", "Over")


def samples() -> set[str]:
    """Names of all samples that processes tell."""
    names = set(OF_LINUX)
    assert metrics.build is not None
    for family in REGISTRY.collect():
        names |= {
            "counter": {f"{family.name}_total"},
            "histogram": {f"{family.name}{end}" for end in ("_bucket", "_count", "_sum")},
        }.get(family.type, {family.name})
    gauges = (ROOT / "worker/trueup_worker/scheduling/gauges.py").read_text(encoding="utf-8")
    return names | set(re.findall(r'"(trueup_[a-z_]+)"', gauges))


def expressions(board: Any) -> Iterator[str]:
    """What the panels of a board ask for."""
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_alerts_ask_for_metrics_that_exist() -> None:
    """A metric that is renamed would silence its alert."""
    asked = {name for rule in RULES for name in NAME.findall(rule["expr"])}
    assert asked - samples() == set()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_boards_ask_for_metrics_that_exist(path: Path) -> None:
    """Each panel has a title, a place of its own and something to show, from the data source that is chosen."""
    board = json.loads(path.read_text(encoding="utf-8"))
    assert board["uid"] == path.stem
    assert {name for each in expressions(board) for name in NAME.findall(each)} - samples() == set()
    panels = [each for each in board["panels"] if each["type"] != "row"]
    assert all(panel["title"] and panel["targets"] for panel in panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = [each["gridPos"] for each in panels]
    taken = [(place["y"], x) for place in places for x in range(place["x"], place["x"] + place["w"])]
    assert len(set(taken)) == len(taken)
    assert all(0 <= x < 24 for _, x in taken)


def test_every_metric_is_looked_at() -> None:
    """What neither a board nor an alert asks for would be told for nothing."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in BOARDS]
    asked = " ".join([*(rule["expr"] for rule in RULES), *(each for board in boards for each in expressions(board))])
    told = {re.sub("_(bucket|count|sum|total)$", "", name) for name in samples() if name.startswith("trueup_")}
    assert {name for name in told if not re.search(rf"\b{name}(_bucket|_count|_sum|_total)?\b", asked)} == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_has_its_entry_in_the_runbook(rule: Any) -> None:
    """Its meaning, how to see it, what to do, and when it is over; the alert leads there."""
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    assert rule["annotations"]["runbook"] == f"{RUNBOOK}#{rule['alert'].lower()}"
    (entry,) = re.findall(rf"^### {rule['alert']}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert rule["annotations"]["summary"] in entry
    assert rule["labels"]["severity"].capitalize() in entry
    assert re.findall(r"^\*(\w+)\.\* \S", entry, re.MULTILINE) == list(PARTS)


def test_the_runbook_has_no_other_entries() -> None:
    """One for each alert, in their order."""
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_each_alert_is_tested_both_ways() -> None:
    """It is raised in a test of its own, and silent in the one in which all is well."""
    quiet, *raised = yaml.safe_load((ROOT / "tests/services/alerts_test.yaml").read_text())["tests"]
    alerts = [rule["alert"] for rule in RULES]
    assert [each["alertname"] for each in quiet["alert_rule_test"] if not each["exp_alerts"]] == alerts
    assert [each["alert_rule_test"][0]["alertname"] for each in raised] == alerts
    assert all(each["alert_rule_test"][0]["exp_alerts"] for each in raised)


@pytest.mark.parametrize("path", ["prometheus/prometheus.yaml", "compose/prometheus.yaml"])
def test_the_targets_are_the_processes(path: str) -> None:
    """The ports that Prometheus reads are those that the processes have; the alerts name the job, and are loaded."""
    given = yaml.safe_load((DEPLOY / path).read_text())
    (job,) = given["scrape_configs"]
    assert job["job_name"] == "trueup"
    targets = [int(each.rpartition(":")[2]) for each in job["static_configs"][0]["targets"]]
    assert targets == [9_400 + offset for offset in OFFSETS.values()]
    assert given["rule_files"] == ["alerts.yaml"]


def test_what_compose_mounts_is_there() -> None:
    """Alerts, boards, and where Grafana finds its source and them."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    mounted = [each.split(":") for name in ("prometheus", "grafana") for each in services[name]["volumes"]]
    assert all((DEPLOY / source).exists() for source, *_ in mounted if source.startswith("./"))
    (provider,) = yaml.safe_load((DEPLOY / "compose/grafana/boards.yaml").read_text())["providers"]
    assert ["./grafana", provider["options"]["path"], "ro"] in mounted
    assert ["./prometheus/alerts.yaml", "/etc/prometheus/alerts.yaml", "ro"] in mounted
