"""Pages of searches by what has no index: each looks at a bounded stretch, and says how far it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

SEARCHED_ROWS_MAX = 5_000  # of a page

T = TypeVar("T")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class SearchPage(Generic[T, P]):
    """Some of what is searched for, perhaps none, with more to come.

    Attributes:
        searched_to: the place after which the next page begins; None where this is the last one.
    """

    rows: Sequence[T]
    searched_to: P | None
