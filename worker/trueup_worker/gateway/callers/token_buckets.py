"""Token buckets, one for each of those who are counted: a bounded number of them."""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BUCKETS_MAX = 10_000  # whose counts are remembered; the one that was counted longest ago makes room


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Buckets(Generic[K]):
    """Each holds so many and refills at a rate; one that nobody took from is full.

    Args:
        per_s: how many a second.
        holds: how many at once.
        clock_s: a monotonic clock.
    """

    def __init__(self, per_s: float, holds: float, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._holds, self._clock_s = per_s, holds, clock_s
        self._buckets: dict[K, _Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def left(self, key: K) -> float:
        """Number of tokens that may be taken now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._holds
        return min(self._holds, bucket.left + (self._clock_s() - bucket.at_s) * self._per_s)

    def is_half_full(self, key: K) -> bool:
        """Tell whether at least half is there."""
        return self.left(key) >= self._holds / 2

    def take(self, key: K) -> None:
        """Take one, if there is one."""
        self._set(key, max(0.0, self.left(key) - 1))

    def give_back(self, key: K) -> None:
        """Put one back that was taken."""
        self._set(key, min(self._holds, self.left(key) + 1))

    def _set(self, key: K, left: float) -> None:
        self._buckets.pop(key, None)
        if left >= self._holds:
            return
        if len(self._buckets) >= BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = _Bucket(left, self._clock_s())

    def wait_s(self, key: K) -> int:
        """Whole seconds until one may be taken; 0: now."""
        return math.ceil(max(0.0, 1 - self.left(key)) / self._per_s)
