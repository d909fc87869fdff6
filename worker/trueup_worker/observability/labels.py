"""Labels from closed sets: as many series as there are combinations, whatever comes from outside."""

from collections.abc import Collection
from itertools import product
from typing import Generic, Protocol, Self, TypeVar

OTHER = "other"


class Labelled(Protocol):
    """A metric of the library, as far as labels go."""

    def labels(self, *values: str) -> Self:
        """The series of these values."""


M = TypeVar("M", bound=Labelled)


class Series(Generic[M]):
    """The series of a metric.

    Args:
        metric: with one label for each set.
        values: of each label; `other` is added.
        at_once: whether all series are made now, so that they are there, at 0, before anything happens.
    """

    def __init__(self, metric: M, *values: Collection[str], at_once: bool = True) -> None:
        self._metric = metric
        self._values = [frozenset((*each, OTHER)) for each in values]
        self._series = {key: metric.labels(*key) for key in product(*self._values)} if at_once else {}

    def of(self, *values: str) -> M:
        """The series of these values, those that are not in their label's set taken for `other`."""
        found = self._series.get(values)
        return self._made(self._known(values)) if found is None else found

    def _made(self, known: tuple[str, ...]) -> M:
        if known not in self._series:
            self._series[known] = self._metric.labels(*known)
        return self._series[known]

    def _known(self, values: tuple[str, ...]) -> tuple[str, ...]:
        pairs = zip(values, self._values, strict=True)
        return tuple(value if value in allowed else OTHER for value, allowed in pairs)
