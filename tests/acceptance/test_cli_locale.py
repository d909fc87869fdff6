"""An account reads its amounts in its own locale; programs read them as they are."""

import json
from pathlib import Path

import pytest

from tests.acceptance.command import Command
from tests.acceptance.processes import ROOT

UNITS = [
    {"id": "d0000000-0000-4000-8000-000000000001", "name": "Euro", "currency": "EUR", "amounts_in": "minor"},
    {"id": "d0000000-0000-4000-8000-000000000002", "name": "Yen", "currency": "JPY", "amounts_in": "minor"},
    {"id": "d0000000-0000-4000-8000-000000000003", "name": "credits"},
]
HEADER = "uniqueness_key,customer_id,product_id,type,priority,access_amount,access_starting_at,access_ending_before"


@pytest.fixture(scope="module")
def kyoto(stack: Command, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """An account with four commits, of a unit each."""
    folder = tmp_path_factory.mktemp("kyoto")
    stack.ok("accounts", "create", "kyoto")
    stack.ok("catalog", "load", ROOT / "deploy" / "sample" / "catalog.json", "--account", "kyoto")
    (folder / "units.json").write_text(json.dumps({"units": UNITS}))
    stack.ok("catalog", "load", folder / "units.json", "--account", "kyoto")
    ingest(stack, folder / "commits.csv")
    return stack


def ingest(stack: Command, file: Path) -> None:
    """A commit of a dollar amount, and one of each unit."""
    catalog = json.loads((ROOT / "deploy" / "sample" / "catalog.json").read_text())
    product = next(each["id"] for each in catalog["products"] if each["type"] == "FIXED")
    what = f"{catalog['customers'][0]['id']},{product},PREPAID,1,123456,2030-01-01T00:00:00Z,2031-01-01T00:00:00Z"
    units = ["", *(each["id"] for each in UNITS)]
    rows = [f"{HEADER},credit_type_id", *(f"k{number},{what},{unit}" for number, unit in enumerate(units))]
    file.write_text("\n".join(rows) + "\n")
    stack.ok("ingest", file, "--account", "kyoto")


def amounts(kyoto: Command) -> list[str]:
    """The amounts of the table, in the order of keys, with plain spaces."""
    told = kyoto.ok("commits", "list", "--account", "kyoto").stdout.replace("\u00a0", " ")
    cells = [[cell for cell in line.split("  ") if cell] for line in told.splitlines()[1:]]
    return [row[3].strip() for row in sorted(cells, key=lambda row: row[-1])]


def test_amounts_are_written_in_english_until_somebody_says_otherwise(kyoto: Command) -> None:
    """Each in its unit."""
    assert amounts(kyoto) == ["1,234.56 USD", "€1,234.56", "¥123,456", "123,456 credits"]


def test_amounts_in_another_locale(kyoto: Command) -> None:
    """From then on; the audit tells who chose it, and JSON has the numbers as they are stored."""
    chosen = kyoto.ok("accounts", "locale", "de_DE", "--account", "kyoto")
    assert "1.234,56 USD" in chosen.stderr
    assert amounts(kyoto) == ["1.234,56 USD", "1.234,56 €", "123.456 ¥", "123.456 credits"]
    listed = kyoto.ok("commits", "list", "--json", "--account", "kyoto").json()
    assert {each["amount"] for each in listed} == {123456}
    [noted] = kyoto.ok("audit", "list", "--subject", "account", "--json", "--account", "kyoto").json()
    assert (noted["before"], noted["after"]) == ({"locale": "en"}, {"locale": "de-DE"})
    kyoto.ok("accounts", "locale", "en", "--account", "kyoto")


def test_no_locale(kyoto: Command) -> None:
    """Nothing is changed, and the answer says how one looks."""
    refused = kyoto("accounts", "locale", "klingon-please", "--account", "kyoto")
    assert refused.code == 2, refused
    assert "as de-CH" in refused.stderr
