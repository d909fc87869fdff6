"""How many calls an account may make a second: a bucket that refills at that rate and holds a second's worth."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from worker.gateway.refusals import rate_limited


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Rate:
    """Counts calls by account.

    Args:
        per_s: calls a second; 0: any number.
        clock_s: a monotonic clock.
    """

    def __init__(self, per_s: int, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._clock_s = per_s, clock_s
        self._buckets: dict[int, _Bucket] = {}

    def count(self, account_id: int) -> None:
        """Counts a call.

        Raises:
            Refusal: 429, with the time after which there is room for another.
        """
        if not self._per_s:
            return
        now_s = self._clock_s()
        bucket = self._buckets.setdefault(account_id, _Bucket(self._per_s, now_s))
        bucket.left = min(self._per_s, bucket.left + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        if bucket.left < 1:
            wait_s = math.ceil((1 - bucket.left) / self._per_s)
            raise rate_limited(f"more than {self._per_s} calls a second", retry_after_s=wait_s)
        bucket.left -= 1
