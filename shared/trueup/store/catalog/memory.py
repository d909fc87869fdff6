"""Memory of catalogs: no record is ever removed, and what a request is judged by never changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trueup.wire.request.references import NOTHING_KNOWN, Known

_SECONDS_MAX = 60.0  # so that a database which was put back to an earlier state is noticed
_RECORDS_MAX = 50_000


@dataclass(slots=True)
class _Found:
    customers: set[str] = field(default_factory=set)
    products: dict[str, str] = field(default_factory=dict)
    contracts: dict[str, str] = field(default_factory=dict)
    units: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.customers) + len(self.products) + len(self.contracts) + len(self.units)


class CatalogMemory:
    """Knows what look-ups found within the last minute, of all accounts.

    It is told nothing that an open transaction registered itself, as that may be undone.

    Args:
        clock_s: a monotonic clock.
    """

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._accounts: dict[int, _Found] = {}
        self._records = 0
        self._began_s = clock_s()

    def of(self, account_id: int) -> Known:
        """Known records of an account's catalog, which may have more."""
        if self._clock_s() - self._began_s > _SECONDS_MAX or self._records > _RECORDS_MAX:
            self._accounts.clear()
            self._records, self._began_s = 0, self._clock_s()
        found = self._accounts.get(account_id)
        if found is None:
            return NOTHING_KNOWN
        return Known(found.customers, found.products, found.contracts, found.units)

    def learn(self, account_id: int, known: Known) -> None:
        """Add what a look-up found."""
        found = self._accounts.setdefault(account_id, _Found())
        self._records -= len(found)
        found.customers.update(known.customers)
        found.products.update(known.products)
        found.contracts.update(known.contracts)
        found.units.update(known.units)
        self._records += len(found)
