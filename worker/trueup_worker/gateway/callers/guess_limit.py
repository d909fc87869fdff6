"""Limit of wrong tokens, so that nobody has the database asked about guesses without end."""

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from trueup_worker.gateway.callers.token_buckets import Buckets
from trueup_worker.gateway.http.refusals import rate_limited

_IPV6_PREFIX_BITS = 64  # of which one caller has all addresses


class Guesses:
    """Counts tokens that were refused: by the address that they came from, and by the key that they name.

    An address that tried too often is not heard for a while. Of a key that was tried too often, wherever from, only
    addresses are heard that hardly tried anything: a holder elsewhere is not shut out by who guesses.

    Args:
        per_minute: how many wrong ones; 0: any number.
        clock_s: a monotonic clock.
    """

    def __init__(self, per_minute: int, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._addresses: Buckets[str] = Buckets(per_minute / 60, per_minute, clock_s=clock_s)
        self._keys: Buckets[str] = Buckets(per_minute / 60, per_minute, clock_s=clock_s)

    def require_room(self, peer: str, key_id: str) -> None:
        """Let a token be looked at.

        Args:
            peer: the address that it came from.
            key_id: the key that it names; empty where it is no token.

        Raises:
            Refusal: 429, with the time after which another may be tried.
        """
        if not self._per_minute:
            return
        address = _network(peer)
        wait_s = self._addresses.wait_s(address)
        if key_id and not self._addresses.is_half_full(address):
            wait_s = max(wait_s, self._keys.wait_s(key_id))
        if wait_s:
            raise rate_limited(
                "too many wrong tokens came from here: check yours, then try again", retry_after_s=wait_s
            )

    def take(self, peer: str, key_id: str) -> None:
        """Count one, before it is known whether it is good: many come at once. Arguments as of `require_room`."""
        if self._per_minute:
            self._addresses.take(_network(peer))
            if key_id:
                self._keys.take(key_id)

    def give_back(self, peer: str, key_id: str) -> None:
        """Do not count it after all, as it was not wrong."""
        if self._per_minute:
            self._addresses.give_back(_network(peer))
            self._keys.give_back(key_id)


def _network(peer: str) -> str:
    """The address, or what one caller has of them."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        return str(int(address) >> (128 - _IPV6_PREFIX_BITS))
    return peer
