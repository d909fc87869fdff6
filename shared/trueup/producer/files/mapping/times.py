"""Dates and times of cells: by their format, in a time zone, and never by guessing."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.near import near
from trueup.producer.files.shown import shown

ReadTime = Callable[[str], str]  # from a cell to an RFC 3339 text; raises BadCell

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
# What a letter of a format means, by strptime's letters; a longer group stands before its beginning.
_WORDS = {
    "YYYY": "Y", "YY": "y", "MMMM": "B", "MMM": "b", "MM": "m", "M": "m", "DD": "d", "D": "d", "HH": "H", "H": "H",
    "hh": "I", "h": "I", "mm": "M", "m": "M", "ss": "S", "s": "S", "A": "p", "a": "p", "Z": "z",
}  # fmt: skip
_DIRECTIVE = re.compile(r"%(.)|([^%])", re.DOTALL)
_WORD = re.compile(r"(YYYY|YY|MMMM|MMM|MM|M|DD|D|HH|H|hh|h|mm|m|ss|s|A|a|Z)|([A-Za-z]+)|(.)", re.DOTALL)
_NAMES = f"(?P<b>{_MONTH}|{'|'.join(_MONTHS)})"
_GROUPS = {letter: f"(?P<{letter}>[0-9]{{1,2}})" for letter in "mdHIMS"} | {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "b": _NAMES,
    "B": _NAMES,
    "h": _NAMES,
    "p": "(?P<p>[AP]M)",
    "f": "(?P<f>[0-9]{1,9})",
    "z": "(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_ISO = re.compile(
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"(?:[Tt ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.(?P<f>[0-9]{1,9}))?)?"
    r"(?P<z>Z|z|[+-][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)
_FORMAT_CHARS_MAX = 100


def time_reader(format_: str | None, *, timezone: str, inclusive_end: bool, column: str) -> ReadTime:
    """A reader of the dates of a column.

    Args:
        format_: as `YYYY-MM-DD` or `%Y-%m-%d`; None: ISO 8601.
        timezone: a name of the tz database; in it a day begins, and times without an offset stand.
        inclusive_end: a date is the last day: it becomes the start of the next one; times are refused.
        column: as messages call it.

    Raises:
        WrongMapping: there is no such time zone, or the format is none.
    """
    zone = _zone(timezone)
    pattern = _ISO if format_ is None else _pattern(format_)
    if inclusive_end and format_ is not None and "H" in pattern.groupindex:
        raise WrongMapping(f"format {format_!r} has times: inclusive_end goes with dates alone")
    written = "YYYY-MM-DD" if format_ is None else format_

    def read(cell: str) -> str:
        found = pattern.fullmatch(cell)
        if found is None:
            raise BadCell("cell_unreadable", f"{column}: {shown(cell)} is no date as the mapping has it ({written})")
        try:
            return _utc(found.groupdict(), zone, inclusive_end=inclusive_end)
        except (ValueError, OverflowError) as error:
            raise BadCell("cell_unreadable", f"{column}: {shown(cell)} is no date: {error}") from None

    return read


def constant_time(value: date, *, timezone: str, inclusive_end: bool, column: str) -> str:
    """A date or time of TOML, as its field takes it; raises as `time_reader`, and `BadCell`."""
    read = time_reader(None, timezone=timezone, inclusive_end=inclusive_end, column=column)
    return read(value.isoformat())


def _utc(parts: dict[str, str | None], zone: ZoneInfo, *, inclusive_end: bool) -> str:
    """The instant of what a pattern found.

    Raises:
        ValueError, OverflowError: there is no such day or time, or there are two.
    """
    day = date(_year(parts), _month(parts), int(parts["d"] or ""))
    hours = parts.get("H") or parts.get("I")
    if hours is None:
        if inclusive_end:
            day += timedelta(days=1)
        # The first instant of the day, even where the clocks are changed at midnight.
        return _text(datetime(day.year, day.month, day.day, tzinfo=zone))
    if inclusive_end:
        raise ValueError("it has a time, and inclusive_end goes with dates alone")
    micros = int((parts.get("f") or "0").ljust(6, "0")[:6])
    clock = (_hour(parts), int(parts.get("M") or 0), int(parts.get("S") or 0), micros)
    if offset := parts.get("z"):
        text = f"{day.isoformat()}T{clock[0]:02}:{clock[1]:02}:{clock[2]:02}.{clock[3]:06}"
        return _text(datetime.fromisoformat(text + offset.upper()))
    told = datetime(day.year, day.month, day.day, *clock)  # noqa: DTZ001 - its zone is judged below
    instants = {told.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    if len(instants) > 1:
        is_twice = all(each.astimezone(zone).replace(tzinfo=None) == told for each in instants)
        how = "there twice" if is_twice else "not there"
        raise ValueError(f"at this time clocks are changed in {zone.key}: it is {how}")
    return _text(instants.pop())


def _year(parts: dict[str, str | None]) -> int:
    year = parts.get("Y")
    return int(year) if year else 2000 + int(parts["y"] or "")


def _month(parts: dict[str, str | None]) -> int:
    if name := parts.get("b"):
        return _MONTHS.index(name[:3].lower()) + 1
    return int(parts["m"] or "")


def _hour(parts: dict[str, str | None]) -> int:
    if (hour := parts.get("H")) is not None:
        return int(hour)
    of_twelve = int(parts["I"] or "")
    if not 1 <= of_twelve <= 12:
        raise ValueError("hours of a clock with AM and PM go from 1 to 12")
    return of_twelve % 12 + (12 if (parts["p"] or "").lower() == "pm" else 0)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        names = {each.lower(): each for each in available_timezones()}
        raise WrongMapping(
            f"timezone {shown(name)} is no time zone{near(name.lower(), names, told=names.get)}: "
            "write one as America/New_York or UTC"
        ) from None


def _pattern(format_: str) -> re.Pattern[str]:
    """Pattern of a format, made of digits and the format's own characters: it takes linear time."""
    if len(format_) > _FORMAT_CHARS_MAX:
        raise WrongMapping(f"format {shown(format_)} is longer than {_FORMAT_CHARS_MAX} characters")
    tokens = _DIRECTIVE.findall(format_.replace("%-", "%")) if "%" in format_ else _tokens(format_)
    groups = [meaning for meaning, _ in tokens if meaning not in ("", "%")]
    if unknown := [each for each in groups if each not in _GROUPS]:
        raise WrongMapping(_wrong_format(format_, f"%{unknown[0]}"))
    groups = ["b" if each in "bBh" else each for each in groups]
    if len(set(groups)) < len(groups):
        raise WrongMapping(f"format {format_!r} says something twice: hours are HH, minutes mm, months MM")
    needed = {"year": "Yy", "month": "mb", "day": "d"}
    missing = [what for what, letters in needed.items() if not set(letters) & set(groups)]
    if missing:
        raise WrongMapping(f"format {format_!r} has no {missing[0]}: write it as MM/DD/YYYY or %m/%d/%Y")
    if ("I" in groups) != ("p" in groups):
        raise WrongMapping(f"format {format_!r}: hh goes with A (AM or PM); hours from 0 to 23 are HH")
    text = "".join(_GROUPS[meaning] if meaning in _GROUPS else re.escape(meaning or other) for meaning, other in tokens)
    return re.compile(text, re.ASCII | re.IGNORECASE)


def _tokens(format_: str) -> list[tuple[str, str]]:
    """The parts of a format as YYYY-MM-DD: what each means, by strptime's letters, or else its character."""
    tokens = []
    for word, letters, other in _WORD.findall(format_):
        if letters and letters != "T":
            raise WrongMapping(_wrong_format(format_, letters))
        tokens.append((_WORDS.get(word, ""), letters or other))
    return tokens


def _wrong_format(format_: str, part: str) -> str:
    return (
        f"format {format_!r} has {part!r}: it is made of YYYY MM DD HH mm ss (MMM for Jan, hh with A for AM and PM) "
        "or of %Y %m %d %H %M %S"
    )
