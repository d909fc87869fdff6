"""Cells that a mapping reads: what was written is what is sent, and nothing else is."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.producer.mapping.tables import at, body_of, table_of
from trueup.domain.money_text import Money, figure
from trueup.domain.unit import USD_IN_CENTS, Unit
from trueup.producer.files.mapping.lookup import Found, Wanted
from trueup.producer.files.mapping.problems import BadCell

AMOUNT, START, END = (f"access_schedule.schedule_items.0.{each}" for each in ("amount", "starting_at", "ending_before"))
UNITS = [
    USD_IN_CENTS,
    Unit("yen", "JPY", 0, "minor"),
    Unit("KWD", "KWD", 3, "minor"),
    Unit("EUR", "EUR", 2, "major"),
    Unit("credits"),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Auckland"]
FORMATS = {"YYYY-MM-DD": "%Y-%m-%d", "M/D/YYYY": "%m/%d/%Y", "DD.MM.YYYY": "%d.%m.%Y", "%d %b %Y": "%d %b %Y"}
DAYS = st.dates(date(1971, 1, 1), date(2300, 1, 1))
MARKS = [(".", ","), (",", "."), (",", " "), (".", "'"), (".", "")]


@given(
    amount=st.decimals(min_value=Decimal("0.000001"), max_value=10**14, places=6),
    unit=st.sampled_from(UNITS),
    marks=st.sampled_from(MARKS),
)
def test_an_amount_as_people_write_it_is_that_amount(amount: Decimal, unit: Unit, marks: tuple[str, str]) -> None:
    """The figures that the command shows, in any marks, are read back in the unit that they are stored in, exactly."""
    decimal, thousands = marks
    written = figure(Money(amount, unit)).translate(str.maketrans({",": thousands, ".": decimal}))
    unit_id = "e0000000-0000-4000-8000-000000000001"
    table = table_of(
        f'access_amount = {{ column = "A", unit = "major", decimal = "{decimal}", thousands = "{thousands}" }}\n'
        f'credit_type_id = {{ value = "{unit_id}" }}',
        ["A"],
        lookups={Wanted("unit", "id", unit_id): Found(unit_id, unit.name, unit)},
    )
    assert Decimal(at(body_of(table, [written]), AMOUNT)) == amount


@given(day=DAYS, zone=st.sampled_from(ZONES), written=st.sampled_from(sorted(FORMATS)))
def test_a_day_begins_where_it_begins_there(day: date, zone: str, written: str) -> None:
    """The instant is the first of that day in the zone; an inclusive end is the first of the next one."""
    fields = (
        f'access_starting_at = {{ column = "A", format = "{written}", timezone = "{zone}" }}\n'
        f'access_ending_before = {{ column = "A", format = "{written}", timezone = "{zone}", inclusive_end = true }}'
    )
    body = body_of(table_of(fields, ["A"]), [day.strftime(FORMATS[written])])
    for path, expected in ((START, day), (END, day + timedelta(days=1))):
        instant = datetime.fromisoformat(at(body, path))
        assert instant.tzinfo == UTC
        local, before = instant.astimezone(ZoneInfo(zone)), instant - timedelta(seconds=1)
        assert local.date() == expected
        assert before.astimezone(ZoneInfo(zone)).date() < expected


MOMENTS = st.tuples(DAYS, st.times()).map(lambda both: datetime.combine(*both))


@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_a_time_is_that_time_or_refused(moment: datetime, zone: str) -> None:
    """A time that is not there, or there twice, is not guessed."""
    table = table_of(f'access_starting_at = {{ column = "A", timezone = "{zone}" }}', ["A"])
    try:
        instant = datetime.fromisoformat(at(body_of(table, [moment.isoformat(" ")]), START))
    except BadCell:
        instants = {moment.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
        assert len(instants) == 2
        return
    assert instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == moment


@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=3, max_size=3))
def test_any_cells_make_json_or_a_reason(cells: list[str]) -> None:
    """Texts are what they were, whatever stands in them; empty cells are absent."""
    table = table_of(
        'uniqueness_key = "k-{A}-{B}"\nname = "C"\ncustom_fields."x%{y}" = "B"\naccess_amount = "A"\npriority = 1',
        ["A", "B", "C"],
    )
    try:
        body: Any = json.loads(table.row(1, cells, b"").text)
    except BadCell:
        return
    assert body["uniqueness_key"] == f"k-{cells[0]}-{cells[1]}"
    assert body.get("name", "") == cells[2]
    assert body["custom_fields"] == {"x%{y}": cells[1]}


@pytest.mark.parametrize("unit", UNITS)
def test_decimals_of_units_are_what_amounts_show(unit: Unit) -> None:
    """They serve both ways."""
    assert figure(Money(Decimal(10) ** unit.decimals, unit)).startswith("1")
