"""Usage lines hour by hour, lines of one kind added up (bounds of access lie on whole hours)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.burndown.values import LineKind, UsageLine

HOUR = timedelta(hours=1)


class HoursOutOfOrder(ValueError):
    """A line belongs to an earlier hour than the line before it."""


def aggregate(lines: Iterable[UsageLine]) -> list[UsageLine]:
    """One line for each hour and kind, with the sum of the quantities; hours ascend.

    It takes lines in any order and holds all of them. Whoever can read them by hour needs no such detour.
    """
    return [line for hour in by_hour(sorted(lines, key=attrgetter("time"))) for line in hour]


def by_hour(lines: Iterable[UsageLine]) -> Iterator[list[UsageLine]]:
    """The aggregates of each hour that has usage, in no particular order within the hour. It holds one hour's lines.

    Args:
        lines: their hours ascend; within an hour they come in any order. Single lines and sums may be mixed.

    Raises:
        HoursOutOfOrder: the hours do not ascend.
    """
    hour = end = datetime.min.replace(tzinfo=UTC)
    kinds: dict[LineKind, list[UsageLine]] = {}
    for line in lines:
        if line.time >= end:
            yield _sums(hour, kinds)
            hour, kinds = hour_of(line.time), {}
            end = hour + HOUR
        elif line.time < hour:
            raise HoursOutOfOrder(f"{line.time} comes after {hour}")
        kinds.setdefault(line.kind, []).append(line)
    yield _sums(hour, kinds)


def hour_of(time: datetime) -> datetime:
    """The start of its hour."""
    return time.replace(minute=0, second=0, microsecond=0)


def _sums(hour: datetime, kinds: dict[LineKind, list[UsageLine]]) -> list[UsageLine]:
    return [UsageLine(hour, kind, exact_sum(line.quantity for line in lines)) for kind, lines in kinds.items()]
