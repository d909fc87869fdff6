"""Rate limit of an account's calls: a bucket that refills at that rate and holds a second's worth."""

import time
from collections.abc import Callable

from trueup_worker.gateway.callers.token_buckets import Buckets
from trueup_worker.gateway.http.refusals import rate_limited


class Rate:
    """Counts calls by account.

    Args:
        per_s: calls a second; 0: any number.
        clock_s: a monotonic clock.
    """

    def __init__(self, per_s: int, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._calls: Buckets[int] = Buckets(per_s, per_s, clock_s=clock_s)

    def count(self, account_id: int) -> None:
        """Count a call.

        Raises:
            Refusal: 429, with the time after which there is room for another.
        """
        if not self._per_s:
            return
        if wait_s := self._calls.wait_s(account_id):
            raise rate_limited(f"more than {self._per_s} calls a second", retry_after_s=wait_s)
        self._calls.take(account_id)
