"""What a user can get wrong ends in a message and a documented exit code, never in a traceback."""

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import Command
from tests.acceptance.conftest import CATALOG

ROW = b'{"customer_id": 1}\n'

pytestmark = pytest.mark.slow  # each of its many runs of the command costs a second of imports


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["invoicse", "list"], "Did you mean 'invoices'"),
        (["invoices", "list", "--nonsense"], "No such option"),
        (["invoices", "list", "--limit", "0"], "--limit"),
        (["invoices", "show", "12"], "no invoice '12': invoices are named by id or number, exactly"),
        (["invoices", "show", uuid4()], "has no invoice"),
        (["commits", "show", uuid4()], "has no commit or credit"),
        (["commits", "adjust", uuid4(), "--amount", "-5", "--reason", "x"], "no commit or credit"),
        (["commits", "adjust", uuid4(), "--amount", "1e5", "--reason", "x"], "is not an amount"),
        (["requests", "show", uuid4()], "has no outcome"),
        (["parked", "show", uuid4()], "has nothing parked"),
        (["tokens", "create", "--scope", "everything"], "there is no scope"),
        (["tokens", "create"], "Missing option '--scope'"),
        (["tokens", "create", "--scope", "read", "--expires", "soon"], "is not an instant"),
        (["tokens", "create", "--scope", "read", "--expires", "2020-01-01"], "has passed"),
        (["tokens", "revoke", "nonsense"], "has no token"),
        (["accounts", "create", "default"], "exists already"),
        (["accounts", "create", "  "], "printable"),
        (["tokens", "create", "--scope", "read", "--expires", "0001-01-01T00:00:00+05:00"], "is not an instant"),
        (["forecast", "--until", "9999-12-31T23:00:00-05:00"], "is not an instant"),
        (["invoices", "regenerate", "--contract", uuid4(), "--month", "9999-12"], "of a year up to 9998"),
        (["clock", "show"], "lives in real time"),
        (["clock", "advance", "--to", "+1d"], "lives in real time"),
    ],
)
def test_a_wrong_argument_or_an_unknown_id_ends_with_2(stack: Command, arguments: list[object], said: str) -> None:
    """Usage errors, unknown ids and refused changes end with 2 and say what is wrong."""
    result = stack(*arguments)
    assert (result.code, result.stdout) == (2, "")
    assert said in result.stderr


def test_without_arguments_it_shows_its_help(stack: Command) -> None:
    """A bare `trueup` lists the commands, as does a bare group."""
    assert "reconcile" in stack().stdout
    assert "adjust" in stack("commits").stdout


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.jsonl", None, "does not exist"),
        ("empty.jsonl", b"", "is empty"),
        ("blank.jsonl", b"\n\n\n", "is empty"),
        ("binary.jsonl", bytes(range(256)), "binary"),
        ("cut.jsonl.gz", gzip.compress(ROW * 10_000)[:-20], "cut short"),
        ("header.csv", b"no,such,columns\n1,2,3\n", "column"),
        ("twice.csv", b"customer_id,customer_id\n1,2\n", "column"),
    ],
)
def test_an_unreadable_file_ends_with_4(
    stack: Command, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """A file that cannot be read as a whole ends with 4, with a message that says what is the matter with it."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = stack("validate", "--json", tmp_path / name)
    assert (result.code, result.stdout) == (4, "")
    assert said in result.stderr


def test_nothing_of_an_unreadable_file_is_sent(stack: Command, tmp_path: Path) -> None:
    """A gzip file that is cut short is found out before its first row is sent."""
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(ROW * 10_000)[:-20])
    result = stack("ingest", "--json", tmp_path / "cut.jsonl.gz")
    assert (result.code, result.stdout) == (4, "")


def test_a_folder_is_no_file(stack: Command, tmp_path: Path) -> None:
    """A folder in place of a file ends with 4."""
    assert stack("validate", tmp_path).code == 4
    assert stack("catalog", "load", tmp_path).code == 4


def test_a_row_of_fifty_megabytes_is_one_invalid_row(stack: Command, tmp_path: Path) -> None:
    """A line of any length takes little memory and gets a verdict like any other; Windows line ends do not matter."""
    file = tmp_path / "wide.jsonl"
    file.write_bytes(b'{"name": "' + b"x" * 50_000_000 + b'"}\r\n\r\n{"customer_id": "\xff"}\r\nno JSON\r\n')
    result = stack("validate", "--json", file)
    assert result.code == 3
    told = [(line["row"], line["outcome"], line["errors"][0]["code"]) for line in result.json_lines()]
    assert told == [(1, "invalid", "body_too_large"), (3, "invalid", "json_invalid"), (4, "invalid", "json_invalid")]


@pytest.mark.parametrize(
    ("catalog", "said"),
    [
        ("no JSON", "Invalid JSON"),
        ('{"customers": [{"id": "x", "name": "X"}]}', "/customers/0/id"),
        ('{"people": []}', "/people"),
    ],
)
def test_a_catalog_that_is_none_ends_with_4(stack: Command, tmp_path: Path, catalog: str, said: str) -> None:
    """A catalog file with a mistake is refused as a whole, and each mistake is named by its place."""
    file = tmp_path / "catalog.json"
    file.write_text(catalog)
    result = stack("catalog", "load", file)
    assert result.code == 4
    assert said in result.stderr


def test_a_catalog_never_changes_what_never_changes(stack: Command, tmp_path: Path) -> None:
    """A product's other type is refused with 2 and nothing is loaded; the same file again is loaded."""
    changed = json.loads(CATALOG.read_text())
    for product in changed["products"]:
        product["type"] = "COMPOSITE"
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    assert stack("catalog", "load", tmp_path / "changed.json").code == 2
    stack.ok("catalog", "load", CATALOG)


@pytest.mark.parametrize("argument", ["", "no token", "tu_0000_" + 64 * "0"])
def test_a_wrong_token_ends_with_8(stack: Command, argument: str) -> None:
    """A token that is malformed or unknown ends with 8 wherever it comes from; an empty one counts as none."""
    expected = 8 if argument else 0
    assert stack("commits", "list", "--token", argument).code == expected
    assert stack("commits", "list", TRUEUP_TOKEN=argument).code == expected


def test_an_unknown_account_ends_with_8(stack: Command) -> None:
    """Without a token of that account nobody speaks for it, and the message says how to get one."""
    result = stack("commits", "list", "--account", "nobody")
    assert result.code == 8
    assert "--token" in result.stderr


def test_every_command_asks_for_its_scope(stack: Command) -> None:
    """A token that may only read neither administers nor operates nor writes."""
    token = stack.ok("tokens", "create", "--json", "--scope", "read").json()["token"]
    stack.ok("commits", "list", "--token", token)
    for arguments in (["tokens", "list"], ["accounts", "list"], ["parked", "list"], ["reconcile"], ["ingest", CATALOG]):
        result = stack(*arguments, "--token", token)
        assert result.code == 8
        assert "lacks the scope" in result.stderr


def test_a_revoked_token_ends_with_8(stack: Command) -> None:
    """Revoking a token by its key id refuses it from then on."""
    token = stack.ok("tokens", "create", "--scope", "read", "--json").json()["token"]
    stack.ok("tokens", "revoke", token.split("_")[1])
    assert stack("commits", "list", "--token", token).code == 8


@pytest.mark.parametrize("arguments", [["invoices", "list"], ["validate", "-"], ["accounts", "create", "x"], ["demo"]])
def test_where_nothing_runs_it_ends_with_7(stack: Command, tmp_path: Path, arguments: list[str]) -> None:
    """Without a stack and without settings the message says how to start one, and no folder is made."""
    result = replace(stack, data=tmp_path / "none")(*arguments)
    assert result.code == 7
    assert "trueup up" in result.stderr
    assert not (tmp_path / "none").exists()


def test_a_service_that_does_not_answer_ends_with_7(stack: Command) -> None:
    """A database that is down is named, without its password."""
    result = stack("invoices", "list", TRUEUP_DATABASE_URL="postgresql://trueup:secret@127.0.0.1:9/trueup")
    assert result.code == 7
    assert "secret" not in result.stderr


def test_all_wrong_settings_are_named_at_once(stack: Command) -> None:
    """Wrong settings end with 2 and a line for each."""
    result = stack("invoices", "list", TRUEUP_QUEUE_LIMIT="many", TRUEUP_ISSUE_ROWS="0")
    assert result.code == 2
    assert "TRUEUP_QUEUE_LIMIT" in result.stderr
    assert "TRUEUP_ISSUE_ROWS" in result.stderr


def test_text_that_is_no_unicode_ends_with_2(stack: Command) -> None:
    """Arguments that are not UTF-8 are refused like any other wrong argument."""
    wrong = os.fsdecode(b"\xff")
    assert stack("commits", "list", "--uniqueness-key", wrong).code == 2
    assert stack("commits", "list", "--account", wrong).code == 2
