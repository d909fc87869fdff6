"""Order in which endpoints are taken forward in the feed: none that is full keeps others waiting."""

from collections.abc import Iterable
from time import monotonic

from sqlalchemy import Engine

from trueup.store.postgres.engine import transaction
from trueup.store.webhooks.expansion import Which, endpoints_behind, expand

_AT_ONCE = 200  # endpoints that are taken forward between two claims
_TOGETHER = 20  # of these, in one transaction
_SECONDS = 0.2  # for which it is looked for them
_FULL_S = 5.0  # for which one that is full is not looked at again: to count what waits takes milliseconds


class FeedOrder:
    """Memory of endpoints that are behind: when each was looked at, and which were full then."""

    def __init__(self, on: Engine) -> None:
        self._on = on
        self._looks = 0
        self._looked: dict[Which, int] = {}
        self._full_until: dict[Which, float] = {}

    def expand_some(self) -> bool:
        """Take forward those that were not looked at for the longest; tells whether others are to be looked at."""
        began, taken, has_more = monotonic(), 0, False
        with transaction(self._on) as connection:
            behind = self._in_order(endpoints_behind(connection), began)
        for first in range(0, len(behind), _TOGETHER):
            if taken >= _AT_ONCE or monotonic() > began + _SECONDS:
                return True
            with transaction(self._on) as connection:
                expanded = expand(connection, behind[first : first + _TOGETHER])
            for which, outcome in expanded.items():
                self._looks += 1
                self._looked[which] = self._looks
                if outcome == "full":
                    self._full_until[which] = began + _FULL_S
                else:
                    taken += 1
                has_more = has_more or outcome == "more"
        return has_more

    def _in_order(self, behind: Iterable[Which], now: float) -> list[Which]:
        """Those not known to be full, first those never looked at; what is behind no more is forgotten."""
        known = set(behind)
        self._full_until = {each: until for each, until in self._full_until.items() if each in known and until > now}
        self._looked = {each: look for each, look in self._looked.items() if each in known}
        waiting = known - self._full_until.keys()
        return sorted(waiting, key=lambda each: self._looked.get(each, 0))
