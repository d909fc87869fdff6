"""Thresholds of a balance: which ones it has reached and nobody was told of, and how much may be used before the next.

A share is of the segments that can be used now. A threshold is told once, and again after the balance rose above it or
a new segment began; a segment that ended begins nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from trueup.domain.burndown.exact import exact_percent, exact_sum

Measure = Literal["used_percent", "left_amount", "exhausted"]

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold of a balance; that of `exhausted` is 0."""

    measure: Measure
    at: Decimal

    @property
    def key(self) -> str:
        """Name by which it is remembered."""
        return f"{self.measure}:{self.at.normalize():f}"

    def left_at(self, granted: Decimal) -> Decimal:
        """The balance at which it is reached, of so much that was granted."""
        return exact_percent(granted, _HUNDRED - self.at) if self.measure == "used_percent" else self.at


EXHAUSTED = Threshold("exhausted", Decimal(0))


@dataclass(frozen=True, slots=True)
class Standing:
    """A balance as it stands.

    Attributes:
        segment_ids: those that can be used now.
        granted: by them.
        left: of them, with open usage taken off.
    """

    segment_ids: frozenset[str]
    granted: Decimal
    left: Decimal


@dataclass(frozen=True, slots=True)
class Told:
    """Thresholds that were told, by their keys, and the segments that could be used then."""

    segment_ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Outcome of holding a balance against its thresholds.

    Attributes:
        reached: what is to be told now, in the order in which usage came to it.
        told: what is told then.
        headroom: usage that reaches no further threshold is less; None: there is none that could be reached.
    """

    reached: Sequence[Threshold]
    told: Told
    headroom: Decimal | None


def thresholds_of(*, used_percent: Iterable[Decimal], left_amount: Iterable[Decimal]) -> list[Threshold]:
    """All thresholds of a balance: a used-up one is always told of."""
    shares = [Threshold("used_percent", each) for each in used_percent]
    return [*shares, *(Threshold("left_amount", each) for each in left_amount), EXHAUSTED]


def judge(standing: Standing, told: Told, thresholds: Iterable[Threshold]) -> Judgement:
    """Hold a balance against its thresholds."""
    by_left = sorted(thresholds, key=lambda each: each.left_at(standing.granted), reverse=True)
    known = told.keys if standing.segment_ids <= told.segment_ids else frozenset()
    # What was granted may be less than an amount that is to be told of: usage reaches that, the grant alone does not.
    is_used = standing.left < standing.granted
    reached = [each for each in by_left if is_used and standing.left <= each.left_at(standing.granted)]
    ahead = [each.left_at(standing.granted) for each in by_left if each not in reached]
    rooms = [max(exact_sum([standing.left, each.copy_negate()]), Decimal(0)) for each in ahead]
    return Judgement(
        reached=[each for each in reached if each.key not in known],
        told=Told(standing.segment_ids, frozenset(each.key for each in reached)),
        headroom=min(rooms, default=None),
    )
