"""Tables with columns of their own over HTTP: a file and its mapping in one form, read as by the command."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.command import Command
from tests.acceptance.gateway import Answer, Gateway
from tests.acceptance.processes import ROOT, wait_for

SHEET = ROOT / "deploy" / "examples" / "excel-sheet"
Form = tuple[bytes | str, str]  # a file and its mapping

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAPPING = """
[dates]
format = "DD.MM.YYYY"
[numbers]
decimal = ","
unit = "major"
[fields]
uniqueness_key = "http-{Nr}"
customer_id = { column = "Kunde", lookup = "customer" }
product_id = { value = "Platform commitment", lookup = "product" }
type = { value = "PREPAID" }
priority = 1
access_amount = "Betrag"
access_starting_at = "Beginn"
access_ending_before = { column = "Ende", inclusive_end = true }
"""
FILE = """Nr;Kunde;Betrag;Beginn;Ende
1;Alder Analytics;10,50;01.01.2030;31.12.2030
2;Alder;10,50;01.01.2030;31.12.2030
"""


@pytest.fixture(scope="module")
def here(stack: Command) -> Iterator[Gateway]:
    """The stack's own gateway, for an account with the sample's catalog."""
    stack.ok("accounts", "create", "forms")
    stack.ok("catalog", "load", ROOT / "deploy" / "sample" / "catalog.json", "--account", "forms")
    scopes = ("--scope", "commits:write", "--scope", "read")
    token = stack.ok("tokens", "create", *scopes, "--json", "--account", "forms").json()["token"]
    url = json.loads((stack.cwd / "ready.json").read_text())["http"]
    with ExitStack() as clients:
        yield Gateway(url, token, clients, clients.enter_context(httpx.Client(base_url=url, timeout=30)))


def send(
    here: Gateway, file: bytes | str, mapping: str | None = MAPPING, name: str = "deals.csv", **query: Any
) -> Answer:
    """A form of a file and its mapping."""
    parts: dict[str, Any] = {"file": (name, file)}
    if mapping is not None:
        parts["mapping"] = ("mapping.toml", mapping, "application/toml")
    return here.call("POST", "/v1/batches", files=parts, params=query)


def batches(stack: Command) -> int:
    """Number of batches of the account."""
    return len(stack.ok("batches", "list", "--json", "--account", "forms").stdout.splitlines())


def test_a_mapped_upload_is_the_command_s_batch(here: Gateway, stack: Command, tmp_path: Path) -> None:
    """Names are looked up in the catalog, what names nobody is told by its row; the command finds the same batch."""
    sent = send(here, FILE)
    assert (sent.status, sent.json["data"]["rows"]) == (202, 2)
    batch_id = sent.json["data"]["id"]

    def decided() -> Any:
        told = here.call("GET", f"/v1/batches/{batch_id}").json["data"]
        return told if told["undecided"] == 0 else None

    created, unfound = wait_for(decided, what="the batch to be decided")["results"]
    assert (created["outcome"], unfound["outcome"]) == ("created", "not_found")
    assert unfound["errors"][0]["code"] == "lookup_not_found"
    file, mapping = tmp_path / "deals.csv", tmp_path / "mapping.toml"
    file.write_text(FILE, encoding="utf-8")
    mapping.write_text(f"# read alike\n{MAPPING}", encoding="utf-8")
    again = stack("ingest", file, "--mapping", mapping, "--json", "--account", "forms").json()
    assert (again["batch_id"], again["created"], again["new"]) == (batch_id, 1, 0)
    other = send(here, FILE, MAPPING.replace("priority = 1", "priority = 2"))
    assert other.json["data"]["id"] != batch_id


def test_a_workbook_is_the_command_s_batch(here: Gateway, stack: Command) -> None:
    """By its media type, as bytes, or in a form, with its sheet or the first one."""
    told = stack(
        "ingest", SHEET / "commitments.xlsx", "--mapping", SHEET / "mapping.toml", "--json", "--account", "forms"
    )
    content, mapping = (SHEET / "commitments.xlsx").read_bytes(), (SHEET / "mapping.toml").read_text(encoding="utf-8")
    assert send(here, content, mapping, "commitments.xlsx").json["data"]["id"] == told.json()["batch_id"]
    for media_type in (WORKBOOK, "application/octet-stream"):
        bare = here.call("POST", "/v1/batches", content=content, headers={"content-type": media_type})
        assert (bare.status, "--" in bare.text) == (400, False)  # it is read, and its columns are not ours
    missing = send(here, content, mapping, "commitments.xlsx", sheet="Deals")
    assert (missing.status, "Deals" in missing.text, "--" in missing.text) == (400, True, False)


@pytest.mark.parametrize(
    ("form", "path", "said"),
    [
        ((FILE, MAPPING.replace("priority", "priorty")), "/mapping", "priorty"),
        ((FILE, "fields = ["), "/mapping", "no TOML"),
        ((FILE, MAPPING.replace('"Betrag"', '"Amount"')), "/mapping", "Amount"),
        ((FILE, MAPPING.replace('"Betrag"', '"TODO: which"')), "/mapping", "access_amount"),
        ((FILE.encode("utf-16"), MAPPING), "/file", "say encoding=utf-16"),
        (("", MAPPING), "/file", "is empty"),
    ],
)
def test_a_form_that_cannot_be_read(here: Gateway, stack: Command, form: Form, path: str, said: str) -> None:
    """Nothing of it is kept; the answer names the part, the key and the cure, in words of HTTP."""
    before = batches(stack)
    answer = send(here, *form)
    (error,) = answer.json["errors"]
    assert (answer.status, error["path"]) == (400, path)
    assert said in error["message"]
    assert "--" not in answer.text
    assert "/dev/" not in answer.text
    assert batches(stack) == before


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [("deals.json", {}, "leave mapping out"), ("deals.csv", {"sheet": "Deals"}, "sheet goes with workbooks")],
)
def test_what_does_not_go_with_the_file(here: Gateway, name: str, query: dict[str, str], said: str) -> None:
    """The answer says what is left out, by the name that it has over HTTP."""
    answer = send(here, "[]", name=name, **query)
    (error,) = answer.json["errors"]
    assert (answer.status, error["path"], said in error["message"]) == (400, "/file", True)
    assert "--" not in answer.text
