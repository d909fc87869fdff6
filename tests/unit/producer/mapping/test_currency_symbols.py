"""Symbols beside amounts: one of another currency than the row's is never dropped in silence."""

import pytest

from tests.unit.producer.mapping.tables import at, body_of, problem_of, table_of
from trueup.domain.unit import PIECES, Unit
from trueup.producer.files.mapping.lookup import Found, Wanted

EURO_ID, TOKENS_ID = "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "3714e483-4ff1-48e4-9e25-ac732e8f24f3"
EURO = Found(EURO_ID, "EUR (cents)", Unit("EUR (cents)", "EUR", 2, "minor"))
LOOKUPS = {
    Wanted("unit", "name", "EUR"): EURO,
    Wanted("unit", "id", EURO_ID): EURO,
    Wanted("unit", "name", "Tokens"): Found(TOKENS_ID, "Tokens", PIECES),
    Wanted("unit", "id", EURO_ID.upper()): EURO,
}
AMOUNT = "access_schedule.schedule_items.0.amount"
SYMBOLS = 'symbols = ["$", "USD", "EUR", "€", "seats"]'
NAMED = 'credit_type_id = { column = "Currency", lookup = "unit" }\n'
BY_ID = 'credit_type_id = "Currency"\n'
CONSTANT = 'credit_type_id = { value = "EUR", lookup = "unit" }\n'


@pytest.mark.parametrize("unit", ["major", "minor"])
@pytest.mark.parametrize(
    ("field", "cells", "is_read"),
    [
        ("", ["USD 900", ""], True),
        ("", ["$900", ""], True),
        ("", ["900", ""], True),
        ("", ["900 seats", ""], True),
        ("", ["EUR 900", ""], False),
        ("", ["900 €", ""], False),
        ("", ["-€900", ""], False),
        (NAMED, ["EUR 900", "EUR"], True),
        (NAMED, ["USD 900", "EUR"], False),
        (NAMED, ["$900", "EUR"], False),
        (NAMED, ["$900", ""], True),
        (NAMED, ["€900", ""], False),
        (NAMED, ["€900", "Tokens"], False),
        (NAMED, ["900 seats", "Tokens"], True),
        (BY_ID, ["€900", EURO_ID], True),
        (BY_ID, ["$900", EURO_ID], False),
        (CONSTANT, ["€900", ""], True),
        (CONSTANT, ["USD 900", ""], False),
        ('access_type = { value = "QUANTITY" }\n', ["€900", ""], False),
    ],
)
def test_a_symbol_is_one_of_the_rows_currency(unit: str, field: str, cells: list[str], *, is_read: bool) -> None:
    """In both units; what is no currency's is only a symbol."""
    fields = f'{field}access_amount = {{ column = "C", unit = "{unit}", {SYMBOLS} }}'
    table = table_of(fields, ["C", "Currency"], lookups=LOOKUPS)
    if is_read:
        assert abs(at(body_of(table, cells), AMOUNT)) in (900, 90_000)
    else:
        told = problem_of(table, cells)
        assert told.startswith("cell_unreadable: C: ")
        assert "has the sign of another currency than its row" in told


def test_symbols_behind_a_table_and_in_a_template_are_held_to_it() -> None:
    """It is the text that is read as a number, wherever it stood."""
    for source in ('column = "C", values = { full = "EUR 900" }', 'template = "EUR {C}"'):
        table = table_of(f'access_amount = {{ {source}, symbols = ["EUR"] }}', ["C"], lookups=LOOKUPS)
        assert "another currency" in problem_of(table, ["full" if "values" in source else "900"])


def test_a_default_stands_for_an_empty_cell_beside_symbols() -> None:
    """The judge of symbols changes nothing else."""
    fields = f'access_starting_at = "S"\naccess_amount = {{ column = "C", default = 5, {SYMBOLS} }}'
    assert at(body_of(table_of(fields, ["S", "C"]), ["2026-01-01", ""]), AMOUNT) == 5
