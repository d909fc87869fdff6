"""A mapping's fields: cells on the left, what is sent on the right."""

from typing import Any

import pytest

from tests.unit.producer.mapping.tables import at, body_of, problem_of, table_of
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.wire.request.read import read_body

ACCESS = "access_schedule.schedule_items.0"
INVOICE = "invoice_schedule.schedule_items.0"


def test_constants_alone_make_a_valid_request() -> None:
    """TOML's own dates, numbers and texts are what they say."""
    row = table_of('name = "Deal"', ["Deal"]).row(7, ["Renewal"], b"Renewal")
    assert (row.number, row.kind, row.keyless, row.raw, row.record) == (7, "commit", True, False, b"Renewal")
    assert isinstance(read_body(row.text, "commit"), dict)


@pytest.mark.parametrize(
    ("field", "cell", "path", "expected"),
    [
        # Texts
        ('name = "C"', 'Deal, "big" 100%', "name", 'Deal, "big" 100%'),
        ('name = { column = "C" }', "Ünï {x} \\ \n", "name", "Ünï {x} \\ \n"),
        ('name = "C"', "", "name", None),
        ('name = { column = "C", default = "Untitled" }', "", "name", "Untitled"),
        ('custom_fields.region = "C"', "west", "custom_fields.region", "west"),
        ('"custom_fields.100% of it" = "C"', "x", "custom_fields.100% of it", "x"),
        ('uniqueness_key = "sf-{C}"', "0065g", "uniqueness_key", "sf-0065g"),
        ('uniqueness_key = "{{sf}}-{C}"', "0065g", "uniqueness_key", "{sf}-0065g"),
        # Texts by table
        ('type = { column = "C", values = { Minimum = "POSTPAID" } }', "Minimum", "type", "POSTPAID"),
        ('priority = { column = "C", values = { high = 1, low = 50.5 } }', "high", "priority", 1),
        # Numbers
        ('priority = "C"', "10", "priority", 10),
        ('access_amount = "C"', "1000.50", f"{ACCESS}.amount", "1000.50"),
        ('access_amount = { column = "C", thousands = "," }', "301,000.05", f"{ACCESS}.amount", "301000.05"),
        (
            'access_amount = { column = "C", decimal = ",", thousands = "." }',
            "301.000,05",
            f"{ACCESS}.amount",
            "301000.05",
        ),
        # Money in dollars, with cents as the unit
        ('access_amount = { column = "C", unit = "major" }', "301000.00", f"{ACCESS}.amount", 30100000),
        ('access_amount = { column = "C", unit = "major" }', "0.005", f"{ACCESS}.amount", "0.5"),
        ('access_amount = { column = "C", unit = "major" }', "12", f"{ACCESS}.amount", 1200),
        (
            'access_amount = { column = "C", unit = "major", thousands = ",", symbols = ["$", "USD"] }',
            "$301,000.00",
            f"{ACCESS}.amount",
            30100000,
        ),
        (
            'access_amount = { column = "C", unit = "major", thousands = ",", symbols = ["$", "USD"] }',
            "301,000.00 USD",
            f"{ACCESS}.amount",
            30100000,
        ),
        # Dates
        ('access_starting_at = "C"', "2026-12-31", f"{ACCESS}.starting_at", "2026-12-31T00:00:00Z"),
        ('access_starting_at = "C"', "2026-12-31T10:00:00+02:00", f"{ACCESS}.starting_at", "2026-12-31T08:00:00Z"),
        (
            'access_ending_before = { column = "C", inclusive_end = true }',
            "2026-12-31",
            f"{ACCESS}.ending_before",
            "2027-01-01T00:00:00Z",
        ),
        (
            (
                'access_ending_before = { column = "C", format = "MM/DD/YYYY", timezone = "America/New_York", '
                "inclusive_end = true }"
            ),
            "12/31/2026",
            f"{ACCESS}.ending_before",
            "2027-01-01T05:00:00Z",
        ),
        (
            'access_starting_at = { column = "C", format = "%d.%m.%Y", timezone = "Europe/Berlin" }',
            "1.7.2026",
            f"{ACCESS}.starting_at",
            "2026-06-30T22:00:00Z",
        ),
        (
            'access_starting_at = { column = "C", format = "D-MMM-YY hh:mm A" }',
            "3-Feb-26 01:00 PM",
            f"{ACCESS}.starting_at",
            "2026-02-03T13:00:00Z",
        ),
        # Lists and what is true or false
        ('applicable_product_tags = "C"', "gpu; cpu", "applicable_product_tags", ["gpu", "cpu"]),
        ('applicable_product_tags = ["gpu"]', "x", "applicable_product_tags", ["gpu"]),
    ],
)
def test_what_a_cell_becomes(field: str, cell: str, path: str, expected: Any) -> None:
    """One column, named C, fills one field."""
    found = at(body_of(table_of(field, ["C"]), [cell]), path)
    assert (str(found) if isinstance(expected, str) else found) == expected


@pytest.mark.parametrize(
    ("field", "cell", "expected"),
    [
        ('uniqueness_key = "sf-{C}"', "", "cell_missing: uniqueness_key is made of C, which is empty"),
        (
            'access_amount = { column = "C", thousands = "," }',
            "301.000,00",
            "cell_unreadable: C: '301.000,00' is no number as the mapping has it ('.' before decimals, ',' between",
        ),
        (
            'access_amount = { column = "C", symbols = ["$"] }',
            "€5",
            "cell_unreadable: C: '€5' is no number as the mapping has it ('.' before decimals, nothing between",
        ),
        (
            'access_amount = { column = "C", unit = "major" }',
            "1.5E+05",
            "cell_unreadable: C: '1.5E+05' is money with an exponent",
        ),
        (
            'access_starting_at = { column = "C", format = "MM/DD/YYYY" }',
            "31/12/2026",
            "cell_unreadable: C: '31/12/2026' is no date: month must be in 1..12",
        ),
        (
            'access_starting_at = { column = "C", format = "MM/DD/YYYY" }',
            "2026-12-31",
            "cell_unreadable: C: '2026-12-31' is no date as the mapping has it (MM/DD/YYYY)",
        ),
        ('access_starting_at = "C"', "12/31/2026", "cell_unreadable: C: '12/31/2026' is no date as the mapping has"),
        (
            'access_ending_before = { column = "C", inclusive_end = true }',
            "2026-12-31T12:00:00",
            "cell_unreadable: C: '2026-12-31T12:00:00' is no date: it has a time",
        ),
        (
            'access_starting_at = { column = "C", timezone = "America/New_York" }',
            "2026-11-01 01:30:00",
            (
                "cell_unreadable: C: '2026-11-01 01:30:00' is no date: at this time clocks are changed in "
                "America/New_York: it is there twice"
            ),
        ),
        (
            'access_starting_at = { column = "C", timezone = "America/New_York" }',
            "2026-03-08 02:30:00",
            (
                "cell_unreadable: C: '2026-03-08 02:30:00' is no date: at this time clocks are changed in "
                "America/New_York: it is not there"
            ),
        ),
        ('access_ending_before = { column = "C", inclusive_end = true }', "9999-12-31", "cell_unreadable: C: '9999-1"),
        (
            'type = { column = "C", values = { Minimum = "POSTPAID" } }',
            "Minimun",
            "cell_unreadable: C: 'Minimun' is not in the mapping's table (did you mean 'Minimum'?): 'Minimum'",
        ),
    ],
)
def test_what_is_not_guessed(field: str, cell: str, expected: str) -> None:
    """A cell that cannot be read as the mapping says refuses its row, with column and value."""
    assert problem_of(table_of(field, ["C"]), [cell]).startswith(expected)


def test_every_problem_of_a_row_is_told() -> None:
    """A row with three of them has one outcome with all three."""
    table = table_of(
        'uniqueness_key = "{ID}"\naccess_amount = "Amount"\naccess_starting_at = "Start"', ["ID", "Amount", "Start"]
    )
    assert problem_of(table, ["", "much", "soon"]) == (
        "cell_missing: uniqueness_key is made of ID, which is empty; "
        "Amount: 'much' is no number as the mapping has it ('.' before decimals, nothing between thousands); "
        "Start: 'soon' is no date as the mapping has it (YYYY-MM-DD)"
    )


def test_a_row_without_an_invoice_has_none() -> None:
    """Constants make no schedule, and no item of one, that cells fill in other rows; the unit stands where one is."""
    table = table_of(
        'invoice_amount = "Due"\ninvoice_timestamp = 2026-01-01\ninvoice_schedule.do_not_invoice = false\n'
        'credit_type_id = { value = "e0000000-0000-4000-8000-000000000001" }\n'
        'custom_fields.source = { value = "crm" }\ncustom_fields.region = "Region"',
        ["Due", "Region"],
    )
    with_invoice, without = body_of(table, ["5", "west"]), body_of(table, ["", ""])
    assert at(with_invoice, INVOICE) == {"amount": 5, "timestamp": "2026-01-01T00:00:00Z"}
    assert at(with_invoice, "invoice_schedule.credit_type_id") is not None
    assert "invoice_schedule" not in without
    assert at(without, "access_schedule.credit_type_id") is not None
    assert without["custom_fields"] == {"source": "crm"}


def test_a_record_of_the_row_itself() -> None:
    """Kind and idempotency key are the row's own."""
    table = table_of('kind = "K"\nidempotency_key = "i-{ID}"\nuniqueness_key = "{ID}"', ["K", "ID"])
    row = table.row(1, ["credit", "7"], b"")
    assert (row.kind, row.idempotency_key, row.keyless) == ("credit", "i-7", False)
    assert problem_of(table, ["gift", "7"]) == "cell_unreadable: kind: 'gift' is neither commit nor credit"


@pytest.mark.parametrize(
    ("condition", "left_out", "kept", "told"),
    [
        ('is = "Lost"', "Lost", "Won", "1 where Stage is 'Lost'"),
        ('is = ["Lost", "Open"]', "Open", "Won", "1 where Stage is 'Lost' or 'Open'"),
        ('is_not = "Won"', "", "Won", "1 where Stage is not 'Won'"),
        ('starts_with = "Total"', "Total: 500", "Won", "1 where Stage starts with 'Total'"),
        ("empty = true", "", "Won", "1 where Stage is empty"),
        ("empty = false", "Won", "", "1 where Stage is not empty"),
    ],
)
def test_rows_that_are_left_out(condition: str, left_out: str, kept: str, told: str) -> None:
    """A row that meets a condition is left out and counted with the reason."""
    table = table_of('name = "Stage"', ["Stage"], f'[[skip]]\ncolumn = "Stage"\n{condition}')
    assert table.is_skipped([left_out])
    assert not table.is_skipped([kept])
    assert table.told_of_skipped() == [told]


@pytest.mark.parametrize(
    ("access_type", "cells", "amounts"),
    [
        ('"Kind"', ["QUANTITY", "12"], (12, 1200)),
        ('"Kind"', ["SPEND", "12"], (1200, 1200)),
        ('"Kind"', ["", "12"], (1200, 1200)),
        ('{ value = "QUANTITY" }', ["", "12"], (12, 1200)),
        ('{ column = "Kind", values = { Seats = "QUANTITY" } }', ["Seats", "12"], (12, 1200)),
        ('{ column = "Kind", default = "QUANTITY" }', ["", "12"], (12, 1200)),
    ],
)
def test_quantities_are_no_money(access_type: str, cells: list[str], amounts: tuple[int, int]) -> None:
    """What may be used as a number of units has no major unit; what is invoiced for it has."""
    fields = (
        f'access_type = {access_type}\naccess_amount = "Sum"\ninvoice_amount = "Sum"\ninvoice_timestamp = 2026-01-01'
    )
    body = body_of(table_of(fields, ["Kind", "Sum"], '[numbers]\nunit = "major"'), cells)
    found = tuple(at(body, f"{each}_schedule.schedule_items.0.amount") for each in ("access", "invoice"))
    assert found == amounts


@pytest.mark.parametrize(
    ("field", "rest", "expected"),
    [
        ('{ column = "C", unit = "major", default = 1000 }', "", None),
        ('{ column = "C", default = 1000.50 }', '[numbers]\nunit = "major"', None),
        ("1000", '[numbers]\nunit = "major"', None),
        ('{ value = 1000, unit = "major" }', "", None),
        ('{ column = "C", unit = "major", values = { seats = 5 } }', "", None),
        ('{ column = "C", unit = "major", default = "1000" }', "", 100_000),
        ('{ value = "1000", unit = "major" }', "", 100_000),
        ('{ column = "C", unit = "major", default = 0 }', "", 0),
        ('{ value = 0, unit = "major" }', "", 0),
        ('{ value = 1000, unit = "minor" }', '[numbers]\nunit = "major"', 1000),
        ("1000", "", 1000),
    ],
)
def test_a_number_beside_major_units_is_not_taken_for_minor_ones(field: str, rest: str, expected: int | None) -> None:
    """It is refused with what to write, as constant, default or in a table; nothing is nothing in both."""
    fields, names = f'access_amount = {field}\naccess_starting_at = "From"', ["C", "From"]
    if expected is None:
        with pytest.raises(WrongMapping, match="in quotes, as amounts are in major units"):
            table_of(fields, names, rest)
    else:
        body = body_of(table_of(fields, names, rest), ["", "2026-01-01"])
        assert at(body, f"{ACCESS}.amount") == expected


def test_a_column_has_its_numbers_in_one_way() -> None:
    """Two fields that read it with other decimals would make two numbers of one cell."""
    fields = 'access_amount = { column = "C", decimal = "," }\npriority = "C"'
    with pytest.raises(WrongMapping, match=r"'\.' stands before .* 'C', and ',' for fields\.access"):
        table_of(fields, ["C"])


@pytest.mark.parametrize(
    "field",
    [
        "name = 2030-01-01",
        'name = { column = "C", default = 2030-01-01 }',
        'name = { column = "C", values = { rare = 2030-01-01 } }',
        'access_amount = { column = "C", unit = "major", default = 2030-01-01 }',
    ],
)
def test_a_date_in_a_field_of_another_type_refuses_the_mapping(field: str) -> None:
    """Before a row is read: a table may say it of the last one, when all others were sent."""
    with pytest.raises(WrongMapping, match="in quotes"):
        table_of(field, ["C"])
