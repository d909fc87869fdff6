"""How many calls an account may make."""

import pytest

from trueup_worker.gateway.callers.rate_limit import Rate
from trueup_worker.gateway.http.refusals import Refusal


class Clock:
    """A clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


def test_a_second_s_worth_at_once_and_then_as_they_come() -> None:
    """The bucket holds a second's worth and refills at the rate; the answer says when there is room."""
    clock = Clock()
    rate = Rate(2, clock_s=clock)
    rate.count(1)
    rate.count(1)
    with pytest.raises(Refusal) as refused:
        rate.count(1)
    assert (refused.value.status_code, refused.value.headers) == (429, {"retry-after": "1"})
    clock.now_s += 0.5
    rate.count(1)
    with pytest.raises(Refusal):
        rate.count(1)


def test_accounts_do_not_share_it() -> None:
    """What one account uses up is another's still."""
    rate = Rate(1, clock_s=Clock())
    rate.count(1)
    rate.count(2)


def test_no_limit() -> None:
    """0 lets any number through."""
    rate = Rate(0)
    for _ in range(10_000):
        rate.count(1)
