"""How often a wrong token may be tried."""

import pytest

from tests.unit.gateway.test_rate_limit import Clock
from trueup_worker.gateway.callers import token_buckets as buckets
from trueup_worker.gateway.callers.guess_limit import Guesses
from trueup_worker.gateway.callers.token_buckets import Buckets
from trueup_worker.gateway.http.refusals import Refusal

HERE, THERE = "192.0.2.1", "198.51.100.7"


def tried(guesses: Guesses, peer: str, key_id: str) -> int:
    """How long a wrong token from there has to wait; 0: it was looked at, and counted."""
    try:
        guesses.require_room(peer, key_id)
    except Refusal as refusal:
        return int((refusal.headers or {})["retry-after"])
    guesses.take(peer, key_id)
    return 0


def test_an_address_that_guesses() -> None:
    """167 wrong tokens a second for a minute: those of the bucket are looked at, then one each time it refills."""
    clock, looked_at = Clock(), 0
    guesses = Guesses(60, clock_s=clock)
    for number in range(167 * 60):
        looked_at += not tried(guesses, HERE, f"key{number}")
        clock.now_s += 1 / 167
    assert 60 + 55 <= looked_at <= 60 + 60
    assert tried(guesses, HERE, "another") == 1
    assert tried(guesses, THERE, "another") == 0


def test_a_key_that_is_guessed_from_everywhere() -> None:
    """Addresses that tried much are not heard about it; whoever has tried nothing is, and so is any other key."""
    guesses = Guesses(60, clock_s=Clock())
    for number in range(3):
        for _ in range(40):
            tried(guesses, f"192.0.2.{number}", "attacked")
    assert tried(guesses, "192.0.2.0", "attacked") > 0
    assert tried(guesses, "192.0.2.0", "another") == 0
    guesses.require_room(THERE, "attacked")


def test_one_caller_s_many_addresses() -> None:
    """All of an IPv6 network of 64 bits are one."""
    guesses = Guesses(10, clock_s=Clock())
    waits = [tried(guesses, f"2001:db8:0:1::{number:x}", "") for number in range(20)]
    assert waits.count(0) == 10
    assert tried(guesses, "2001:db8:0:2::1", "") == 0


def test_what_was_not_wrong_is_not_counted() -> None:
    """It is given back."""
    guesses = Guesses(2, clock_s=Clock())
    for _ in range(10):
        assert tried(guesses, HERE, "key") == 0
        guesses.give_back(HERE, "key")


def test_no_limit() -> None:
    """0 lets any number through."""
    guesses = Guesses(0, clock_s=Clock())
    assert [tried(guesses, HERE, "key") for _ in range(1_000)] == [0] * 1_000


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are counted, so many are remembered: the last ones; one that is full again is forgotten."""
    monkeypatch.setattr(buckets, "BUCKETS_MAX", 10)
    counted: Buckets[int] = Buckets(1, 5, clock_s=Clock())
    for key in range(1_000):
        counted.take(key)
    assert len(counted) == 10
    assert (counted.left(999), counted.left(0)) == (4, 5)
    counted.give_back(999)
    assert len(counted) == 9
