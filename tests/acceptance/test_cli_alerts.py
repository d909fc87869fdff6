"""When alerts are given, as the command sets it: for an account, or for one commit."""

from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import Command
from tests.acceptance.conftest import CATALOG
from tests.acceptance.test_cli_output import ingest
from tests.bodies import prepaid, text

DEFAULTS = {
    "expiring_days": [1, 7, 30],
    "upcoming_days": [7],
    "used_percent": [50, 80, 100],
    "left_amount": [],
}


@pytest.fixture
def name(stack: Command) -> str:
    """An account with the catalog of the cases."""
    return _account(stack)


@pytest.mark.slow
def test_thresholds_are_set_and_reset(stack: Command, name: str, tmp_path: Path) -> None:
    """What was set counts for this account alone, and a commit's own for that commit; reset goes back one step."""
    own, other = ("--account", name), _account(stack)
    [commit] = ingest(stack, tmp_path, name, text(prepaid()))
    assert _counting(stack, name) == {(kind, None): at for kind, at in DEFAULTS.items()}

    changed = stack.ok("alerts", "set", "used_percent", "95, 50,50", "--json", *own).json()
    assert changed == {"kind": "used_percent", "commit": None, "thresholds": [50, 95]}
    assert "33.5" in stack.ok("alerts", "set", "used_percent", "33.5", "--commit", commit, *own).stdout
    stack.ok("alerts", "set", "expiring_days", "none", *own)
    assert _counting(stack, name) == {
        **{(kind, None): at for kind, at in DEFAULTS.items()},
        ("expiring_days", None): [],
        ("used_percent", None): [50, 95],
        ("used_percent", commit): [Decimal("33.5")],
    }
    assert _counting(stack, other) == {(kind, None): at for kind, at in DEFAULTS.items()}

    back = stack.ok("alerts", "reset", "used_percent", "--commit", commit, "--json", *own).json()
    assert back == {"kind": "used_percent", "commit": commit, "thresholds": [50, 95]}
    stack.ok("alerts", "reset", "used_percent", *own)
    stack.ok("alerts", "reset", "expiring_days", *own)
    assert _counting(stack, name) == {(kind, None): at for kind, at in DEFAULTS.items()}

    noted = [each for each in stack.ok("audit", "list", "--json", *own).json() if each["action"].endswith("_alerts")]
    assert [each["action"] for each in reversed(noted)] == ["set_alerts"] * 3 + ["reset_alerts"] * 3
    of_commit = [each for each in noted if each["subject"] == commit]
    assert [(each["before"], each["after"]) for each in reversed(of_commit)] == [
        ({"used_percent": ["50", "95"]}, {"used_percent": ["33.5"]}),
        ({"used_percent": ["33.5"]}, {"used_percent": ["50", "95"]}),
    ]


@pytest.mark.slow
def test_what_is_no_threshold_is_named(stack: Command, name: str) -> None:
    """Exit code 2, a message that names the value and what would be one, and nothing is changed."""
    unknown = str(uuid4())
    for arguments, said in (
        (("set", "used_percents", "50"), "there is no kind of alert 'used_percents'; there are expiring_days,"),
        (("set", "used_percent", "50;80"), "'50;80' are no thresholds: give numbers with commas between them"),
        (("set", "used_percent", ""), "'' are no thresholds"),
        (("set", "used_percent", "50,101"), "101 is no threshold: used_percent takes a share in percent"),
        (("set", "used_percent", "0"), "0 is no threshold"),
        (("set", "left_amount", "--", "-5"), "-5 is no threshold: left_amount takes an amount above 0"),
        (("set", "expiring_days", "nan"), "NaN is no threshold: expiring_days takes days above 0, up to"),
        (("set", "upcoming_days", "1e400000"), "is no threshold"),
        (("set", "used_percent", ",".join(map(str, range(1, 100)))), "99 thresholds are too many"),
        (("set", "expiring_days", "5", "--commit", unknown), "expiring_days is the account's"),
        (("set", "left_amount", "5", "--commit", unknown), f"no commit or credit {unknown} in this account"),
        (("reset", "left_amount", "--commit", unknown), f"no commit or credit {unknown} in this account"),
        (("reset", "everything"), "there is no kind of alert 'everything'"),
    ):
        refused = stack("alerts", *arguments[:1], "--account", name, *arguments[1:])
        assert (refused.code, said in " ".join(refused.stderr.split())) == (2, True), (arguments, refused)
    assert _counting(stack, name) == {(kind, None): at for kind, at in DEFAULTS.items()}
    assert "alerts" not in stack.ok("audit", "list", "--json", "--account", name).stdout


@pytest.mark.slow
def test_who_may_read_may_not_set(stack: Command, name: str, tmp_path: Path) -> None:
    """A token of the scope read lists; another account's commit is none of ours."""
    [commit] = ingest(stack, tmp_path, name, text(prepaid()))
    token = stack.ok("tokens", "create", "--scope", "read", "--json", "--account", name).json()["token"]
    assert len(stack.ok("alerts", "list", "--json", TRUEUP_TOKEN=token).json()) == len(DEFAULTS)
    refused = stack("alerts", "set", "used_percent", "50", TRUEUP_TOKEN=token)
    assert (refused.code, "operate" in refused.stderr) == (8, True), refused
    foreign = stack("alerts", "set", "used_percent", "50", "--commit", commit, "--account", _account(stack))
    assert (foreign.code, "no commit or credit" in foreign.stderr) == (2, True), foreign


def _account(stack: Command) -> str:
    name = f"account {uuid4()}"
    stack.ok("accounts", "create", name)
    stack.ok("catalog", "load", CATALOG, "--account", name)
    return name


def _counting(stack: Command, name: str) -> dict[tuple[str, str | None], list[Decimal]]:
    listed = stack.ok("alerts", "list", "--json", "--account", name).json()
    return {(each["kind"], each["commit"]): each["thresholds"] for each in listed}
