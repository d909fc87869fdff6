"""Prometheus itself judges the rules: promtool runs their tests, and finds each rule that is lost."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROMTOOL = "/usr/bin/promtool"
FOLDER = ROOT / "deploy/prometheus"
TESTS = ROOT / "tests/services/alerts_test.yaml"
ALERTS = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yaml").read_text(encoding="utf-8"))


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A run of promtool."""
    argv = [PROMTOOL, *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_the_configuration_is_valid() -> None:
    """Prometheus takes the configuration, with the rules that it names."""
    checked = promtool("check", "config", FOLDER / "prometheus.yaml")
    assert checked.returncode == 0, checked.stderr
    assert f"{len(ALERTS)} rules found" in checked.stdout


def test_alerts_are_raised_when_they_should_be() -> None:
    """Each by what it is for, and none when all is well."""
    tested = promtool("test", "rules", TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("expression", ["vector(1)", "vector(0) > 0"], ids=["always", "never"])
def test_an_alert_that_says_nothing_is_found(expression: str, tmp_path: Path) -> None:
    """One that is always raised, or never, does not pass its tests: of all alerts, each is named."""
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
    for rule in (each for group in rules["groups"] for each in group["rules"]):
        rule["expr"] = expression
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    tests = yaml.safe_load(TESTS.read_text(encoding="utf-8")) | {"rule_files": ["alerts.yaml"]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    tested = promtool("test", "rules", tmp_path / "tests.yaml")
    assert tested.returncode != 0
    assert set(re.findall(r"alertname:? ?(\w+)", tested.stdout + tested.stderr)) == set(ALERTS)
