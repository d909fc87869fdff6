"""What `mapping suggest` recognises, and what it leaves open."""

import csv
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from trueup.producer.files.mapping.open_points import OPEN
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.suggestion.suggest import is_header, suggest, suggest_for, suggest_mapping
from trueup.producer.files.suggestion.suggested import Suggested

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
TERM = {"Start": "2030-01-01", "End": "2030-12-31"}


def table_of(path: Path, delimiter: str) -> tuple[list[str], list[list[str]]]:
    """The header and the records of an example that have its form."""
    header, *records = csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter=delimiter)
    return header, [each for each in records if len(each) == len(header)]


def fields_of(columns: Mapping[str, Sequence[str]]) -> dict[str, Suggested]:
    """Suggestions by their fields for a table that is given by its columns."""
    suggested, _ = suggest(list(columns), list(zip(*columns.values(), strict=True)))
    return {each.field: each for each in suggested}


def source_of(field: str, **columns: Sequence[str]) -> Mapping[str, Any]:
    """What is suggested for a field."""
    return fields_of(columns)[field].source


def test_a_salesforce_report_is_recognised_but_for_the_product() -> None:
    """A name of the product stands in no column; everything else follows from names and values."""
    header, records = table_of(EXAMPLES / "salesforce-opportunities" / "report.csv", ",")
    found = tomllib.loads(suggest_mapping("report.csv", header, records).text)
    day = {"format": "MM/DD/YYYY"}
    amount = {"column": "Amount", "unit": "major"}
    assert found == {
        "fields": {
            "uniqueness_key": "sf-{Opportunity ID}",
            "salesforce_opportunity_id": "Opportunity ID",
            "name": "Opportunity Name",
            "customer_id": {"column": "Account Name", "lookup": "customer", "by": "name"},
            "product_id": {
                "value": f"{OPEN}the name of the product that invoices show",
                "lookup": "product",
                "by": "name",
            },
            "invoice_contract_id": {"column": "Contract Number", "lookup": "contract", "by": "name"},
            "type": {"column": "Commitment Type", "values": {"Prepaid": "PREPAID", "Postpaid": "POSTPAID"}},
            "priority": 100,
            "access_amount": amount,
            "credit_type_id": {"column": "Amount Currency", "lookup": "unit"},
            "access_starting_at": {"column": "Contract Start Date"} | day,
            "access_ending_before": {"column": "Contract End Date", "inclusive_end": True} | day,
            "invoice_amount": amount,
            "invoice_timestamp": {"column": "Invoice Date"} | day,
        },
        "skip": [{"column": "Stage", "is_not": ["Closed Won"]}],
    }


def test_a_netsuite_search_is_recognised_but_for_its_status() -> None:
    """Whether a closed order is to be sent cannot be known; marks of numbers and dates are the locale's."""
    header, records = table_of(EXAMPLES / "netsuite-saved-search" / "results.csv", ";")
    found = tomllib.loads(suggest_mapping("results.csv", header, records).text)
    marks = {"decimal": ",", "thousands": "."}
    assert found["fields"]["uniqueness_key"] == "ns-{Internal ID}"
    assert found["fields"]["netsuite_sales_order_id"] == "Document Number"
    assert found["fields"]["customer_id"] == {
        "column": "Customer External ID",
        "lookup": "customer",
        "by": "external_id",
    }
    assert found["fields"]["access_amount"] == {"column": "Amount (Foreign Currency)", "unit": "major"} | marks
    assert found["fields"]["access_ending_before"] == {
        "column": "End Date",
        "format": "DD.MM.YYYY",
        "inclusive_end": True,
    }
    assert found["skip"] == [
        {"column": "Internal ID", "is": "Overall Total"},
        {"column": "Status", "is": f"{OPEN}Closed"},
    ]
    assert not any(OPEN in str(source) for source in found["fields"].values())


@pytest.mark.parametrize(
    ("values", "format_"),
    [
        (["2030-01-31"], None),
        (["1/31/2030"], "MM/DD/YYYY"),
        (["31/1/2030"], "DD/MM/YYYY"),
        (["3/4/2026", "4/3/2026"], "TODO: MM/DD/YYYY or DD/MM/YYYY"),
        (["1/13/2026", "13/1/2026"], "TODO: MM/DD/YYYY or DD/MM/YYYY"),
        (["3.4.2026"], "DD.MM.YYYY"),
        (["Mar 4, 2026", "April 3, 2026"], "MMM D, YYYY"),
        (["4-Mar-26"], "D-MMM-YY"),
        (["4/3/26", "5/3/26"], "TODO: MM/DD/YY or DD/MM/YY"),
        (["04/03/26"], "TODO: MM/DD/YY or DD/MM/YY or YY/MM/DD"),
        (["2026/3/4"], "YYYY/MM/DD"),
        (["1/31/2030 9:14 AM"], "MM/DD/YYYY h:mm A"),
    ],
)
def test_a_format_of_dates_is_known_where_the_values_decide(values: list[str], format_: str | None) -> None:
    """Which of 03/04/2026 is the month stays a question."""
    assert source_of("access_starting_at", Start=values).get("format") == format_


def test_another_column_of_the_file_decides_the_order_of_dates() -> None:
    """A file is written in one way, and the comment says from where it is known."""
    found = fields_of({"Start": ["1/2/2030", "3/4/2030"], "Created": ["12/31/2029", "1/1/2030"]})["access_starting_at"]
    assert (found.source["format"], found.is_open) == ("MM/DD/YYYY", False)
    assert 'as in "Created"' in found.why


@pytest.mark.parametrize(
    ("starts", "ends", "inclusive_end"),
    [
        (["2030-01-01", "2030-02-15"], ["2030-12-31", "2030-03-14"], True),
        (["2030-01-01", "2030-02-15"], ["2031-01-01", "2030-03-15"], None),
        (["2030-01-01", "2030-02-15"], ["2030-12-31", "2030-03-15"], OPEN),
        (["2030-01-10"], ["2030-01-20"], OPEN),
    ],
)
def test_an_end_is_the_last_day_where_terms_are_whole_months_with_it(
    starts: list[str], ends: list[str], inclusive_end: object
) -> None:
    """Where terms are whole months neither with the day nor without it, it stays a question."""
    found = source_of("access_ending_before", Start=starts, End=ends).get("inclusive_end")
    assert found is inclusive_end or (inclusive_end == OPEN and str(found).startswith(OPEN))


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (["48000.00", "61000"], {}),
        (["301,000.00", "1,200"], {"decimal": ".", "thousands": ","}),
        (["18.000,00", "1.200"], {"decimal": ",", "thousands": "."}),
        (["18000,00", "5,5"], {"decimal": ","}),
        (["1'200.50"], {"decimal": ".", "thousands": "'"}),
        (["12,000", "150,000"], None),
        (["12.000", "150.000"], None),
        (["$1,200.00", "$15.50"], {"decimal": ".", "thousands": ",", "symbols": ["$"]}),
        (["1,200,000"], {"decimal": ".", "thousands": ","}),
    ],
)
def test_marks_of_numbers_are_known_where_the_values_decide(values: list[str], marks: dict[str, Any] | None) -> None:
    """Whether 12.000 is twelve or twelve thousand stays a question."""
    found = {
        key: value for key, value in source_of("access_amount", Amount=values).items() if key not in ("column", "unit")
    }
    assert found == marks if marks is not None else str(found["decimal"]).startswith(OPEN)


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        ({"Amount (EUR)": ["1.00"]}, {"value": "EUR", "lookup": "unit"}),
        ({"Betrag": ["1,00 €"]}, {"value": "EUR", "lookup": "unit"}),
        (
            {"Amount": ["1.00"], "Currency": ["JPY"]},
            {"column": "Currency", "lookup": "unit"},
        ),
        ({"Amount": ["$1.00"]}, None),
        ({"Amount": ["1.00"]}, None),
    ],
)  # fmt: skip
def test_a_currency_is_known_from_a_column_a_name_or_a_sign(
    columns: dict[str, list[str]], unit: dict[str, Any] | None
) -> None:
    """The sign $ is several currencies', and no currency is taken for granted."""
    found = fields_of(columns)["credit_type_id"]
    assert found.source == unit if unit else found.is_open


@pytest.mark.parametrize(
    ("columns", "template"),
    [
        ({"Ref": ["A-1", "A-2"]}, "{Ref}"),
        ({"Opportunity ID": ["0065g00000264XZAAY", "0065g00000264Z8AAI"]}, "sf-{Opportunity ID}"),
        ({"Ref": ["A-1", "A-1"]}, None),
        ({"Ref": ["A-1", ""]}, None),
        ({"Ref": ["north", "south"]}, None),
        ({"Ref}": ["A-1", "A-2"]}, None),
    ],
)
def test_a_key_is_a_column_in_which_every_row_has_an_id_of_its_own(
    columns: dict[str, list[str]], template: str | None
) -> None:
    """Without one it stays open, and the comment says why."""
    found = fields_of(columns)["uniqueness_key"]
    assert found.source["template"] == template if template else found.is_open


@pytest.mark.parametrize(
    "header",
    [
        {"Kunde": "Alder", "Vertragsbeginn": "1.1.2030", "Vertragsende": "31.12.2030", "Betrag": "1.000,00"},
        {"Nom du client": "Alder", "Date de début": "1.1.2030", "Date de fin": "31.12.2030", "Montant": "1 000,00"},
        {"Nombre del cliente": "Alder", "Fecha de inicio": "1.1.2030", "Fecha de fin": "31.12.2030", "Importe": "1,00"},
        {"AccountName": "Alder", "Contract_Start_Date__c": "1.1.2030", "EndDate": "31.12.2030", "Amount": "1,00"},
        {"Account: Account Name": "Alder", "START": "1.1.2030", "end": "31.12.2030", "Amount (net)": "1,00"},
    ],
)
def test_columns_are_recognised_in_four_languages_and_in_systems_spelling(header: dict[str, str]) -> None:
    """Accents, case, signs, and what stands in brackets do not matter."""
    fields = fields_of({name: [value] for name, value in header.items()})
    made_of = ("customer_id", "access_starting_at", "access_ending_before", "access_amount")
    assert [fields[name].column for name in made_of] == list(header)


def test_names_that_stand_twice_are_told_and_used_for_nothing() -> None:
    """A mapping could not say which one is meant."""
    text = suggest_mapping("x.csv", ["Amount", "Amount", "Customer"], [["1.00", "2.00", "Alder"]]).text
    assert tomllib.loads(text)["fields"]["access_amount"]["column"].startswith(OPEN)
    assert 'more than once, so that no field can be made of them: "Amount"' in text


def test_what_is_not_used_is_told() -> None:
    """Each column is a field's, or named in a comment."""
    text = suggest_mapping("x.csv", ["Customer", "Favourite colour"], [["Alder", "red"]]).text
    assert '# Columns of which nothing is made: "Favourite colour"' in text


def test_an_unknown_kind_of_deal_stays_open_beside_the_known_ones() -> None:
    """Each value that is not known is a point of its own."""
    values = source_of("type", Kind=["prepaid", "min. spend", "barter"])["values"]
    assert (values["prepaid"], values["min. spend"]) == ("PREPAID", "POSTPAID")
    assert values["barter"].startswith(OPEN)


@pytest.mark.parametrize(
    ("cells", "names"),
    [(["Customer commitments 2030"], False), (["Customer", "Amount"], True), (["Alder", "12"], False), ([], False)],
)
def test_a_header_is_a_line_that_names_two_known_columns(cells: list[str], names: object) -> None:
    """Titles above it are none."""
    assert is_header(cells) is names


def test_names_over_several_lines(tmp_path: Path) -> None:
    """They are recognised, and written on one line."""
    path = tmp_path / "deals.csv"
    path.write_text('"Opportunity\nID","Account\r\nName",Amount\n006000000000001,"Alder\nInc.",5\n')
    with open_source(path) as source:
        found = tomllib.loads(suggest_for(source).text)["fields"]
    assert found["customer_id"]["column"] == "Account Name"
    assert found["uniqueness_key"] == "sf-{Opportunity ID}"
