"""Dates of a column: in which format they are written, where the values themselves decide it."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import islice, product

from trueup.producer.files.mapping.problems import BadCell
from trueup.producer.files.mapping.times import ReadTime, time_reader
from trueup.producer.files.suggestion.sample import SampledColumn, are_enough

_DAYS = (
    "MM/DD/YYYY", "DD/MM/YYYY", "DD.MM.YYYY", "MM-DD-YYYY", "DD-MM-YYYY", "YYYY/MM/DD", "YYYY.MM.DD", "YYYYMMDD",
    "D MMM YYYY", "D-MMM-YYYY", "D MMMM YYYY", "MMM D, YYYY", "MMMM D, YYYY", "D. MMMM YYYY",
    "MM/DD/YY", "DD/MM/YY", "YY/MM/DD", "DD.MM.YY", "D-MMM-YY", "D MMM YY", "MM-DD-YY", "DD-MM-YY", "YY-MM-DD",
)  # fmt: skip
_TIMES = ("", " HH:mm", " HH:mm:ss", " h:mm A", ", h:mm A", ", HH:mm")
ISO = "YYYY-MM-DD"
_COLUMNS_MAX = 1_000
_TRIED = 40  # values by which a format may be ruled out
_CHARS_MAX = 40  # of a date with its time
_FORMATS: tuple[str | None, ...] = (None, *(day + time for time, day in product(_TIMES, _DAYS)))


@dataclass(frozen=True, slots=True)
class WrittenDates:
    """The way in which a column's dates are written.

    Attributes:
        formats: the one that reads most values, and those that differ in the order of day, month and year alone, unless
            the values decide between them.
        is_mixed: some values can only be read by one, others only by another of these.
        example: a value that decides, else any.
        odd: values that cannot be read.
        instants: of the values that a format reads, by format.
        like: another column, whose values decide this one's format.
    """

    formats: tuple[str, ...]
    is_mixed: bool
    example: str
    odd: tuple[str, ...]
    instants: Mapping[str, Mapping[str, str]]
    like: str = ""

    @property
    def format(self) -> str | None:
        """The format, if one is left."""
        return self.formats[0] if len(self.formats) == 1 else None

    def of(self, cell: str) -> datetime | None:
        """The instant of a cell, as far as its format is known."""
        instant = self.instants[self.format].get(cell) if self.format else None
        return datetime.fromisoformat(instant) if instant else None


def written_dates(column: SampledColumn) -> WrittenDates | None:
    """The way in which the dates of a column are written; None: it has none."""
    if not are_enough(sum(map(_may_be_date, column.values)), len(column.values)):
        return None
    beginning = column.distinct[:_TRIED]
    read = {each or ISO: _read(each, column.distinct) for each in _FORMATS if _read(each, beginning)}
    is_read = {value for instants in read.values() for value in instants}
    if not are_enough(sum(value in is_read for value in column.values), len(column.values)):
        return None
    first = max(read, key=lambda each: len(read[each]))
    swapped = [each for each in read if _is_swapped(each, first)]
    only_first = read[first].keys() - {value for each in swapped for value in read[each]}
    is_mixed = any(read[each].keys() - read[first].keys() for each in swapped)
    return WrittenDates(
        formats=(first, *swapped) if is_mixed or not only_first else (first,),
        is_mixed=is_mixed,
        example=next(value for value in column.distinct if value in (only_first or read[first])),
        odd=tuple(value for value in column.distinct if value not in (is_read if is_mixed else read[first])),
        instants={each: read[each] for each in (first, *swapped)},
    )


def dates_of(columns: Iterable[SampledColumn]) -> dict[str, WrittenDates]:
    """The columns that have dates, by name.

    A file is written in one way: what the values of one column leave open, those of another one may decide.
    """
    looked_at = islice(columns, _COLUMNS_MAX)
    found = {column.name: dates for column in looked_at if (dates := written_dates(column))}
    decided = {_day(dates.format): name for name, dates in reversed(found.items()) if dates.format}
    return {name: _decided(dates, decided) for name, dates in found.items()}


def _decided(dates: WrittenDates, decided: Mapping[str, str]) -> WrittenDates:
    if dates.format or dates.is_mixed:
        return dates
    left = [each for each in dates.formats if _day(each) in decided]
    return replace(dates, formats=(left[0],), like=decided[_day(left[0])]) if len(left) == 1 else dates


def _day(format_: str) -> str:
    """A format without its time."""
    return re.split(",? [Hh]", format_)[0]


def _may_be_date(value: str) -> bool:
    return len(value) <= _CHARS_MAX and any(each.isdigit() for each in value)


def _read(format_: str | None, values: Iterable[str]) -> dict[str, str]:
    """The values that a format reads, with their instants."""
    reader, found = _reader(format_), {}
    for value in values:
        with suppress(BadCell):
            found[value] = reader(value)
    return found


@cache
def _reader(format_: str | None) -> ReadTime:
    return time_reader(format_, timezone="UTC", inclusive_end=False, column="")


def _is_swapped(one: str, other: str) -> bool:
    """Tell whether formats differ in the order of their numbers alone."""
    return one != other and sorted(one) == sorted(other) and "MMM" not in one
