"""What the command prints for programs, and that it is what happened: exact numbers, times in UTC, one document."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.conftest import CATALOG
from tests.bodies import postpaid, prepaid, priced, text
from tests.conftest import DATA
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
SECONDS_MAX = 30


@pytest.fixture
def account(stack: Command) -> Callable[..., str]:
    """Makes accounts with the catalog of the cases, and gives their names."""

    def make(*options: str) -> str:
        name = f"account {uuid4()}"
        stack.ok("accounts", "create", name, *options)
        stack.ok("catalog", "load", CATALOG, "--account", name)
        return name

    return make


def ingest(stack: Command, folder: Path, account: str, *bodies: str) -> list[str]:
    """Sends bodies; gives the ids of their requests."""
    (folder / "rows.jsonl").write_text("\n".join(bodies))
    stack("ingest", folder / "rows.jsonl", "--results", folder / "results.jsonl", "--account", account)
    return [json.loads(line)["id"] for line in (folder / "results.jsonl").read_text().splitlines()]


def wait_for_invoices(stack: Command, account: str) -> list[dict[str, Any]]:
    """The account's finalized invoices, once there are any."""
    deadline = time.monotonic() + SECONDS_MAX
    invoices: list[dict[str, Any]] = []
    while not invoices:
        assert time.monotonic() < deadline, "nothing was invoiced"
        invoices = stack.ok("invoices", "list", "--json", "--status", "finalized", "--account", account).json()
    return invoices


@pytest.mark.slow
def test_amounts_are_printed_with_every_digit(stack: Command, account: Callable[..., str], tmp_path: Path) -> None:
    """A number that no float holds comes out of the database as it went in, as a JSON number."""
    name = account()
    [commit] = ingest(stack, tmp_path, name, priced("123456789012345678.123456789012"))
    shown = stack.ok("commits", "show", commit, "--json", "--account", name)
    assert '"amount":123456789012345678.123456789012' in shown.stdout
    assert '"balance":123456789012345678.123456789012' in shown.stdout


@pytest.mark.slow
def test_a_true_up_bills_what_adjustments_left(stack: Command, account: Callable[..., str], tmp_path: Path) -> None:
    """Once the sandbox's clock has passed the end, the commit's ledger is billed; then adjustments are refused."""
    name = account("--sandbox")
    [commit] = ingest(stack, tmp_path, name, text(future_postpaid()))
    booked = stack.ok("commits", "adjust", commit, "--amount", "-250.5", "--reason", "x", "--json", "--account", name)
    assert (booked.json()["balance_before"], booked.json()["balance_after"]) == (1000, Decimal("749.5"))
    [draft] = stack.ok("invoices", "list", "--json", "--account", name).json()
    assert (draft["status"], draft["total"], draft["number"]) == ("DRAFT", Decimal("749.5"), None)
    stack.ok("clock", "advance", "--to", "2100-01-01", "--account", name)
    [invoice] = wait_for_invoices(stack, name)
    assert (invoice["id"], invoice["number"], invoice["total"]) == (draft["id"], 1, Decimal("749.5"))
    shown = stack.ok("invoices", "show", invoice["id"], "--json", "--account", name).json()
    assert stack.ok("invoices", "show", invoice["number"], "--json", "--account", name).json() == shown
    assert shown["lines"][0]["postpaid_commit"] == {"id": commit}
    assert stack("commits", "adjust", commit, "--amount", "1", "--reason", "x", "--account", name).code == 2
    assert stack.ok("reconcile", "--json", "--account", name).json() == []


def future_postpaid() -> dict[str, Any]:
    """A POSTPAID commit of 1000 that ends before 2100."""
    body = postpaid()
    body["access_schedule"]["schedule_items"][0] |= {"ending_before": "2099-01-01T00:00:00Z"}
    body["invoice_schedule"]["schedule_items"][0] |= {"timestamp": "2099-01-01T00:00:00Z"}
    return body


@pytest.mark.slow
def test_a_sandbox_clock_moves_only_forward(stack: Command, account: Callable[..., str]) -> None:
    """The clock stands where it was put; moving it back is refused."""
    name = account("--sandbox")
    assert stack.ok("clock", "advance", "--to", "2100-01-01", "--json", "--account", name).json() == {
        "account": name,
        "clock_at": "2100-01-01T00:00:00Z",
    }
    assert stack("clock", "advance", "--to", "2099-12-31T23:59:59Z", "--account", name).code == 2
    stack.ok("clock", "advance", "--to", "+36h", "--account", name)
    assert stack.ok("clock", "show", "--json", "--account", name).json()["clock_at"] == "2100-01-02T12:00:00Z"


def test_validate_tells_the_verdict_of_every_case(stack: Command, tmp_path: Path) -> None:
    """The cases of the specification, as a file: one line per row, in order, with the codes that are expected."""
    cases = [json.loads(line) for line in (DATA / "cases" / "commit-requests.jsonl").read_text().splitlines()]
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(case.get("raw") or json.dumps(case["body"]) for case in cases))
    result = stack("validate", "--json", file)
    assert result.code == 3
    told = [
        (line["row"], line["outcome"], sorted(error["code"] for error in line["errors"]))
        for line in result.json_lines()
    ]
    expected = [
        (row, "valid" if case["outcome"] == "created" else case["outcome"], case["codes"])
        for row, case in enumerate(cases, start=1)
    ]
    assert told == expected


def test_validate_of_good_rows_ends_with_0(stack: Command) -> None:
    """Standard input is read like a file; rows that are all valid end with 0."""
    result = stack.ok("validate", "--json", "-", stdin=text(prepaid()).encode())
    assert result.json() == {"row": 1, "outcome": "valid", "errors": []}


@pytest.mark.slow
def test_a_request_shows_its_outcome(stack: Command, account: Callable[..., str], tmp_path: Path) -> None:
    """Created or refused: `requests show` tells it, with every error and its place."""
    name = account()
    made, refused = ingest(stack, tmp_path, name, text(prepaid()), text(prepaid(priority="high")))
    assert stack.ok("requests", "show", made, "--json", "--account", name).json()["outcome"] == "created"
    told = stack.ok("requests", "show", refused, "--json", "--account", name).json()
    assert (told["outcome"], told["errors"][0]["path"]) == ("invalid", "/priority")
    assert INSTANT.fullmatch(told["decided_at"])


@pytest.mark.slow
def test_what_is_parked_is_listed_and_shown_with_its_bytes(stack: Command, account: Callable[..., str]) -> None:
    """An envelope that nobody can read is found under its reason, as it was received."""
    name = account()
    token = stack.ok("tokens", "create", "--scope", "commits:write", "--json", "--account", name).json()["token"]
    running = json.loads((stack.cwd / "ready.json").read_text())
    meta = json.dumps({"v": 1, "account": name, "sent_at": "2026-01-01T00:00:00Z"})
    with Publisher(running["broker"], account=name, signer=Signer.of_token(token)) as publisher:
        publisher.publish(meta, "[garbage", queue="commits")
    deadline = time.monotonic() + SECONDS_MAX
    while not (listed := stack.ok("parked", "list", "--json", "--account", name).json()):
        assert time.monotonic() < deadline, "nothing was parked"
    shown = stack.ok("parked", "show", listed[0]["id"], "--json", "--account", name).json()
    assert (shown["reason"], shown["meta"], shown["requests"]) == ("bad_envelope", meta, "[garbage")


@pytest.mark.slow
def test_lists_are_arrays_and_say_when_they_are_cut(
    stack: Command, account: Callable[..., str], tmp_path: Path
) -> None:
    """With --json a list is whole, in pages or not; a table is cut, and stderr says so."""
    name = account()
    ids = ingest(stack, tmp_path, name, *(text(prepaid(uniqueness_key=f"key {number}")) for number in range(60)))
    listed = stack.ok("commits", "list", "--json", "--account", name)
    assert [commit["id"] for commit in listed.json()] == ids
    assert len(stack.ok("commits", "list", "--json", "--limit", "7", "--account", name).json()) == 7
    table = stack.ok("commits", "list", "--account", name)
    assert len(table.stdout.splitlines()) == 51
    assert "--limit" in table.stderr
    [found] = stack.ok("commits", "list", "--json", "--uniqueness-key", "key 7", "--account", name).json()
    assert found["id"] == ids[7]


@pytest.mark.slow
def test_options_stand_before_or_after_the_command(stack: Command, account: Callable[..., str]) -> None:
    """The folder, account and token may be given anywhere; the last one counts, and an option wins over a variable."""
    name, nowhere = account(), {"TRUEUP_DATA": "/nowhere", "TRUEUP_TOKEN": "nonsense"}
    token = stack.ok("tokens", "create", "--scope", "admin", "--json", "--account", name).json()["token"]
    for arguments in (
        ["--data", stack.data, "--token", token, "tokens", "list", "--json"],
        ["tokens", "--data", stack.data, "list", "--json", "--token", token],
        ["--token", "nonsense", "tokens", "list", "--json", "--token", token, "--data", stack.data],
    ):
        assert len(stack.ok(*arguments, **nowhere).json()) == 2
    assert stack("commits", "list", "--token", token, "--account", "default").code == 8


def test_a_token_is_shown_once(stack: Command) -> None:
    """`tokens create` prints the token alone; the list has its key id, scopes and times, and no secret."""
    token = stack.ok("tokens", "create", "--scope", "read", "--name", "reader", "--expires", "+1d").stdout.strip()
    listed = stack.ok("tokens", "list", "--json")
    _, key_id, secret = token.split("_")
    [shown] = [each for each in listed.json() if each["key_id"] == key_id]
    assert (shown["name"], shown["scopes"]) == ("reader", ["read"])
    assert INSTANT.fullmatch(shown["expires_at"])
    assert secret not in listed.stdout


@pytest.mark.slow
def test_accounts_are_listed_with_their_clocks(stack: Command, account: Callable[..., str]) -> None:
    """A sandbox has a clock, any other account none."""
    sandbox, real = account("--sandbox"), account()
    listed = {each["name"]: each for each in stack.ok("accounts", "list", "--json").json()}
    assert INSTANT.fullmatch(listed[sandbox]["clock_at"])
    assert (listed[real]["sandbox"], listed[real]["clock_at"]) == (False, None)


def test_the_catalog_says_what_it_loaded(stack: Command) -> None:
    """Loading counts the entries of each kind."""
    counted = {"customers": 2, "products": 3, "contracts": 3, "units": 1}
    assert stack.ok("catalog", "load", CATALOG, "--json").json() == counted


@pytest.mark.slow
def test_doctor_names_a_setting_that_does_not_exist(stack: Command) -> None:
    """All checks pass on a running stack; a misspelt variable fails with the name that was meant."""
    assert all(check["ok"] for check in stack.ok("doctor", "--json").json())
    result = stack("doctor", "--json", TRUEUP_QUEUE_LIMITS="5")
    assert result.code == 1
    [failed] = [check for check in result.json() if not check["ok"]]
    assert "TRUEUP_QUEUE_LIMIT?" in failed["advice"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "name", "value"),
    [
        ("broker messages", "proto-max-bulk-len", 512 * 1024 * 1024),
        ("broker policy", "maxmemory-policy", "allkeys-lru"),
        ("broker log", "appendonly", "no"),
    ],
)
def test_doctor_looks_at_what_the_broker_takes(stack: Command, check: str, name: str, value: str | int) -> None:
    """A broker that takes messages of any size, that drops some, or forgets them fails its check, with what to set."""
    url = json.loads((stack.cwd / "ready.json").read_text())["broker"]
    with redis.Redis.from_url(url) as broker:
        [(name, before)] = broker.config_get(name).items()
        broker.config_set(name, value)
        try:
            failed = {each["check"]: each["advice"] for each in stack("doctor", "--json").json() if not each["ok"]}
        finally:
            broker.config_set(name, before)
    assert [*failed] == [check]
    assert name in failed[check]


def test_config_masks_secrets(stack: Command) -> None:
    """Every setting has a value and a source; passwords and keys are not shown."""
    running = json.loads((stack.cwd / "ready.json").read_text())
    shown = stack.ok("config", "show", "--json", TRUEUP_QUEUE_LIMIT="5")
    settings = {each["setting"]: each for each in shown.json()}
    assert settings["TRUEUP_QUEUE_LIMIT"]["source"] == "environment"
    assert settings["TRUEUP_DATABASE_URL"]["source"] == "data folder"
    assert running["database"].split(":")[2].split("@")[0] not in shown.stdout
    assert (stack.data / "secret_key").read_text().strip() not in shown.stdout
    broken = stack.ok("config", "show", TRUEUP_DATABASE_URL="postgresql://me:hush/hush@[x", TRUEUP_REDIS_URL="hush")
    assert "hush" not in broken.stdout + broken.stderr


def test_no_secret_is_said_at_start(stack: Command) -> None:
    """Neither the terminal nor the log of `up` shows a token; `tokens show` does, out of its private file."""
    said = (stack.data / "log" / "up.log").read_text()
    for name, arguments in (("tokens/default", []), ("admin_token", ["--installation"])):
        token = (stack.data / name).read_text().strip()
        assert token not in said
        assert stack.ok("tokens", "show", *arguments).stdout.strip() == token


def test_what_a_kept_token_may_do(stack: Command, account: Callable[..., str]) -> None:
    """An account's has no `admin`; the installation's makes tokens in every account, and does nothing else there."""
    name = account()
    for owner in ("default", name):
        [kept] = [
            each
            for each in stack.ok("tokens", "list", "--json", "--account", owner).json()
            if each["name"] == "kept in the data folder" and "installation" not in each["scopes"]
        ]
        assert kept["scopes"] == ["commits:write", "usage:write", "read", "operate"]
    of_account = stack.ok("tokens", "show", "--account", name).stdout.strip()
    for arguments in (["tokens", "list"], ["tokens", "create", "--scope", "read"], ["accounts", "list"]):
        assert stack(*arguments, "--token", of_account).code == 8
    installation = stack.ok("tokens", "show", "--installation").stdout.strip()
    assert stack("commits", "list", "--token", installation).code == 8
    admin = stack.ok("tokens", "create", "--scope", "admin", "--account", name, "--token", installation).stdout.strip()
    stack.ok("tokens", "create", "--scope", "read", "--token", admin)
    for arguments in (
        ["accounts", "list"],
        ["accounts", "create", "more"],
        ["parked", "list", "--unattributed"],
        ["tokens", "create", "--scope", "installation"],
        ["tokens", "list", "--account", "default"],
    ):
        assert stack(*arguments, "--token", admin).code == 8, arguments


def test_another_secret_key_is_told_at_once(stack: Command, tmp_path: Path) -> None:
    """`ingest` sends nothing and ends with 2, and doctor says what to do."""
    (tmp_path / "rows.jsonl").write_text(text(prepaid()))
    other = {"TRUEUP_SECRET_KEY": "another key than that of the stack, long enough"}
    result = stack("ingest", tmp_path / "rows.jsonl", **other)
    assert (result.code, result.stdout) == (2, "")
    assert "--accept-secret-key" in result.stderr
    [failed] = [check for check in stack("doctor", "--json", **other).json() if not check["ok"]]
    assert failed["check"] == "secret key"
    assert stack("tokens", "create", "--scope", "read", **other).code == 2


def test_the_demo_shows_outcomes_and_invoices_and_repeats_harmlessly(
    stack: Command, account: Callable[..., str]
) -> None:
    """The sample gives outcomes of all kinds and invoices; a second run makes nothing new."""
    name = account()
    first = stack.ok("demo", "--account", name)
    assert "the first invoices that fell due" in first.stdout
    before = stack.ok("invoices", "list", "--json", "--status", "finalized", "--account", name).json()
    assert [invoice["number"] for invoice in before] == list(range(1, len(before) + 1))
    stack.ok("demo", "--account", name)
    assert stack.ok("invoices", "list", "--json", "--status", "finalized", "--account", name).json() == before
    stack.ok("reconcile", "--account", name)


def test_a_reader_that_goes_away_ends_it_quietly(stack: Command) -> None:
    """`trueup … | head` ends with 141 and without a word."""
    arguments = [PROGRAM, "config", "show"]
    with subprocess.Popen(arguments, env=stack.surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_help_says_the_exit_codes(stack: Command) -> None:
    """The root's help has every exit code; --version prints the version alone."""
    told = stack.ok("--help").stdout
    for code in (0, 1, 2, 3, 4, 7, 8, 70, 130, 141):
        assert re.search(rf"^\s+{code}  \S", told, re.MULTILINE), code
    assert "--data" in stack.ok("ingest", "--help").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", stack.ok("--version").stdout)
