"""Exports over HTTP: streamed, one at a time for an account, refused with a field's name."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.gateway import Gateway
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup_worker.exports.catalogue import EXPORTS


@pytest.fixture(scope="module", autouse=True)
def _commits(account: Intake) -> None:
    """Five commits."""
    account.receive(*(entry(prepaid()) for _ in range(5)))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_in_both_formats(here: Gateway, name: str) -> None:
    """Each says what it is, and names its file; both tell the same."""
    answer = here.call("GET", f"/v1/exports/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == list(EXPORTS[name].columns)
    lines = here.call("GET", f"/v1/exports/{name}?format=jsonl")
    assert lines.headers["content-type"] == "application/jsonl"
    assert len([json.loads(line) for line in lines.text.splitlines()]) == len(rows) - 1


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("format=xlsx", "/format"),
        ("month=october", "/month"),
        ("month=2026-10&since=2026-10-01T00:00:00Z", "/month"),
        ("since=2026-10-01T00:00:00", "/since"),
        ("since=yesterday", "/since"),
        ("since=2026-10-02T00:00:00Z&until=2026-10-01T00:00:00Z", "/until"),
    ],
)
def test_what_is_refused(here: Gateway, query: str, path: str) -> None:
    """What is no format, month, instant or span, by its name."""
    answer = here.call("GET", f"/v1/exports/invoices?{query}")
    assert (answer.status, [each["path"] for each in answer.json["errors"]]) == (400, [path])


def test_what_is_left_out_is_told(here: Gateway, account: Intake) -> None:
    """In a header, as who reads the rows does not see what has none; where nothing is, there is no such header."""
    item = {"timestamp": "2025-01-01T00:00:00Z", "amount": 1000}
    account.receive(entry(prepaid(invoice_schedule={"do_not_invoice": True, "schedule_items": [item]})))
    told = here.call("GET", "/v1/exports/focus?format=jsonl").headers["trueup-left-out"]
    assert json.loads(told) == "1 segment of commits that have no contract"
    assert "trueup-left-out" not in here.call("GET", "/v1/exports/commits").headers


def test_another_name_is_not_found(here: Gateway) -> None:
    """And the answer says which there are."""
    answer = here.call("GET", "/v1/exports/invoice_lines")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert "invoice-lines" in answer.json["message"]


def test_one_at_a_time(here: Gateway) -> None:
    """Of many calls at once those that are not refused are whole; later ones are answered again."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: here.call("GET", "/v1/exports/commits"), range(24)))
    assert {each.status for each in found} <= {200, 429}
    assert {each.text for each in found if each.status == 200} == {here.call("GET", "/v1/exports/commits").text}
    assert all(each.headers["retry-after"] for each in found if each.status == 429)
