"""The examples of exports with their mappings: what is sent of them, in sums that the export itself shows."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trueup.domain.money_text import Money, money_text
from trueup.domain.unit import USD_IN_CENTS, Unit
from trueup.producer.files.mapping.lookup import Found, Unfound, Wanted
from trueup.producer.files.mapping.read import read_mapping
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.reading import Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan
from trueup.wire.catalog import Catalog, read_catalog
from trueup.wire.catalog import Unit as Entry
from trueup.wire.request.read import read_body

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
USD = Found("2714e483-4ff1-48e4-9e25-ac732e8f24f2", USD_IN_CENTS.name, USD_IN_CENTS)
SALESFORCE, NETSUITE = "salesforce-opportunities/report.csv", "netsuite-saved-search/results.csv"
SHEET = "excel-sheet/commitments.xlsx"

SUMS = {  # of what is sent, by type
    SALESFORCE: """
        POSTPAID  12,378,374.47 USD
        POSTPAID  644,600.32 EUR
        POSTPAID  813,500.00 GBP
        POSTPAID  58,600,000 JPY
        PREPAID   26,913,879.95 USD
        PREPAID   2,369,000.00 EUR
        PREPAID   3,155,623.75 GBP
        PREPAID   63,450,000 JPY
    """,
    NETSUITE: """
        POSTPAID  403,000.00 CHF
        POSTPAID  1,533,000.00 EUR
        PREPAID   1,277,589.03 CHF
        PREPAID   4,386,786.67 EUR
    """,
    SHEET: """
        POSTPAID  1,236,750.00 USD
        PREPAID   2,354,002.50 USD
    """,
}
REFUSED = {
    SALESFORCE: {
        87: "/access_schedule/schedule_items/0/amount is required",
        213: "Account Name: 'Marlow Instruments Ltd' is the name of no customer",
        301: "Account Name: 'Summit Partners' is the name of several customers",
        377: "/access_schedule/schedule_items/0/ending_before must be later than starting_at",
        440: "Contract Start Date: '2/30/2030' is no date: day is out of range for month",
    },
    NETSUITE: {
        17: "Customer External ID: 'CUST-10099' is the external id of no customer",
        31: "/access_schedule/schedule_items/0/amount is required",
        52: "/access_schedule/schedule_items/0/ending_before is required",
    },
    SHEET: {
        12: "Ironbridge",
        29: "record 29 (row 33): the cell E33 is '#N/A', an error of the sheet: mend its formula",
        34: "To: 'end of Q2' is no date",
    },
}
ROWS_SENT = {SALESFORCE: 475, NETSUITE: 56, SHEET: 39}  # of 500, and of 60 and of 40 with a line of totals


class CatalogLookups(dict[Wanted, Found | Unfound]):
    """What a catalog file answers, without a database."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, wanted: Wanted, default: Any = None) -> Found | Unfound:  # type: ignore[override]  # noqa: ARG002
        """Records that are named so."""
        found = [*self._named(wanted)]
        return found[0] if len(found) == 1 else Unfound(tuple(found))

    def _named(self, wanted: Wanted) -> Iterator[Found]:
        if wanted.kind == "unit":
            units = [USD, *(Found(str(each.id), each.name, money_of(each)) for each in self._catalog.units)]
            yield from (each for each in units if wanted.text in (each.name, each.name.partition(" ")[0], each.id))
            return
        owner = self.get(wanted.customer) if wanted.customer else None
        for each in getattr(self._catalog, f"{wanted.kind}s"):
            names = each.ingest_aliases if wanted.by == "external_id" else (each.name,)
            is_owners = owner is None or (isinstance(owner, Found) and owner.id == str(each.customer_id))
            if wanted.text in names and is_owners:
                yield Found(str(each.id), each.name)


def money_of(entry: Entry) -> Unit:
    """What amounts of a catalog's unit count."""
    return Unit(entry.name, entry.currency, entry.exponent, entry.amounts_in)


def sent(example: str) -> list[Row]:
    """The rows that are sent of an example."""
    folder = (EXAMPLES / example).parent
    lookups = CatalogLookups(read_catalog((folder / "catalog.json").read_bytes()))
    with open_source(EXAMPLES / example, reading=Reading(mapping=read_mapping(folder / "mapping.toml"))) as source:
        return list(rows(source, scanned=scan(source), lookups=lookups))


def judged(row: Row) -> Any:
    """The body of a row, or in words why it is refused."""
    if row.form:
        return row.form.found
    body = read_body(row.text, row.kind)
    return "; ".join(f"{each.path} {each.message}" for each in body) if isinstance(body, list) else body


def units_of(example: str) -> dict[str, Unit]:
    """Units by their ids."""
    catalog = read_catalog((EXAMPLES / example).with_name("catalog.json").read_bytes())
    return {USD.id: USD_IN_CENTS} | {str(each.id): money_of(each) for each in catalog.units}


@pytest.mark.parametrize("example", SUMS)
def test_the_sums_of_an_example_are_those_of_its_export(example: str) -> None:
    """By type and currency, in money; access and invoice are the same amount."""
    units, sums = units_of(example), Counter[tuple[str, Unit]]()
    for body in map(judged, sent(example)):
        if isinstance(body, dict):
            access, invoice = body["access_schedule"], body["invoice_schedule"]
            assert access["schedule_items"][0]["amount"] == invoice["schedule_items"][0]["amount"]
            unit = access.get("credit_type_id", USD.id)
            assert unit == invoice.get("credit_type_id", USD.id)
            sums[body["type"], units[unit]] += access["schedule_items"][0]["amount"]
    told = [f"{type_:<9} {money_text(Money(amount, unit))}" for (type_, unit), amount in sums.items()]
    assert sorted(told) == sorted(map(str.strip, SUMS[example].strip().splitlines()))


@pytest.mark.parametrize("example", REFUSED)
def test_the_rows_of_an_example_that_are_wrong_say_why(example: str) -> None:
    """Their numbers are those of the export's rows, whatever is left out above them."""
    found = {row.number: why for row in sent(example) if isinstance(why := judged(row), str)}
    assert found.keys() == REFUSED[example].keys()
    assert all(told in found[number] for number, told in REFUSED[example].items())
    assert len(sent(example)) == ROWS_SENT[example]


def test_the_sums_of_the_salesforce_report_are_added_up_without_a_mapping() -> None:
    """A second way to the same figures: the cells of won deals, by hand."""
    report = csv.DictReader((EXAMPLES / SALESFORCE).read_text(encoding="utf-8").splitlines()[:501])
    units, sums = {each.currency: each for each in units_of(SALESFORCE).values()}, Counter[tuple[str, Unit]]()
    for number, row in enumerate(report, start=1):
        if row["Stage"] == "Closed Won" and number not in REFUSED[SALESFORCE]:
            unit = units[row["Amount Currency"]]
            sums[row["Commitment Type"].upper(), unit] += Decimal(row["Amount"]).scaleb(unit.decimals)
    told = sorted(f"{type_:<9} {money_text(Money(amount, unit))}" for (type_, unit), amount in sums.items())
    assert told == sorted(map(str.strip, SUMS[SALESFORCE].strip().splitlines()))


def test_the_sums_of_the_sheet_are_its_own_total() -> None:
    """The sheet's SUM, less the row that is on hold and those that are refused but have a number."""
    amounts = [line.split()[1] for line in SUMS[SHEET].strip().splitlines()]
    left_out = Decimal("126750.5") + 173_000 + 56_250
    assert sum(Decimal(amount.replace(",", "")) for amount in amounts) == 3_946_753 - left_out


def test_a_row_of_the_salesforce_report_becomes_this_request() -> None:
    """The term ends at the start of the day after its last one; dollars are cents."""
    assert json.loads(sent(SALESFORCE)[0].text) == {
        "uniqueness_key": "sf-0065g00000264XZAAY",
        "salesforce_opportunity_id": "0065g00000264XZAAY",
        "name": "Ironbridge Steel - Renewal 2030",
        "customer_id": "c0000000-0000-4000-8000-000000000019",
        "product_id": "b0000000-0000-4000-8000-000000000001",
        "invoice_contract_id": "a0000000-0000-4000-8000-000000000019",
        "type": "PREPAID",
        "priority": 100,
        "access_schedule": {
            "credit_type_id": USD.id,
            "schedule_items": [
                {"amount": 300_000, "starting_at": "2030-01-15T00:00:00Z", "ending_before": "2031-01-15T00:00:00Z"}
            ],
        },
        "invoice_schedule": {
            "credit_type_id": USD.id,
            "schedule_items": [{"amount": 300_000, "timestamp": "2030-01-15T00:00:00Z"}],
        },
    }


def test_a_day_of_the_netsuite_search_begins_in_berlin() -> None:
    """Midnight there is 23:00 in UTC, the day before."""
    item = json.loads(sent(NETSUITE)[0].text)["access_schedule"]["schedule_items"][0]
    assert item == {
        "amount": 10_808_903,
        "starting_at": "2029-12-31T23:00:00Z",
        "ending_before": "2030-12-31T23:00:00Z",
    }
