"""Number of deliveries that a worker may claim beside others who need the same processors."""

from uuid import UUID

import psutil
import pytest

from trueup.limits import WEBHOOK_BUSY_PER_S
from trueup.store.webhooks.claims import Ready
from trueup_worker.webhooks.room import Room
from trueup_worker.webhooks.spare_time import SpareTime, Used, used_here

NOTHING = Used(whole=0, idle=0, own=0)


@pytest.mark.parametrize(
    ("second", "may_claim"),
    [
        pytest.param(Used(whole=2, idle=0.02, own=0.1), WEBHOOK_BUSY_PER_S, id="others fill the host"),
        pytest.param(Used(whole=2, idle=0.02, own=0.9), None, id="this process fills it"),
        pytest.param(Used(whole=2, idle=0.50, own=0.1), None, id="time is left"),
        pytest.param(NOTHING, None, id="no time has passed"),
    ],
)
def test_a_second(second: Used, may_claim: int | None) -> None:
    """Where others need all of the processors' time, deliveries keep to a rate; else they take what they can."""
    looks = iter([NOTHING, second])
    spare = SpareTime(0.0, lambda: next(looks))
    assert spare.deliveries(1.0) == may_claim


def test_until_the_next_look() -> None:
    """What was claimed is taken from what may be, from the first second on, until it is looked anew."""
    looks = iter([NOTHING, Used(whole=2, idle=0, own=0)])
    spare = SpareTime(0.0, lambda: next(looks))
    spare.take(WEBHOOK_BUSY_PER_S - 1)
    assert spare.deliveries(0.9) == 1
    spare.take(5)
    assert spare.deliveries(0.9) == 0
    assert spare.deliveries(1.0) == WEBHOOK_BUSY_PER_S


def test_a_host_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what is used cannot be read, as under many a sandbox, nothing is short."""

    def hidden() -> None:
        raise FileNotFoundError("/proc/stat")

    monkeypatch.setattr(psutil, "cpu_times", hidden)
    spare = SpareTime(0.0)
    assert spare.deliveries(1.0) is None


def test_this_host() -> None:
    """What is used grows, and nothing is more than the whole."""
    first = later = used_here()
    assert first is not None
    while later is None or later.own == first.own:
        later = used_here()
    assert later.own - first.own <= later.whole
    assert 0 < later.idle < later.whole


def test_shares_of_what_may_be_claimed() -> None:
    """Endpoints that are new have half of what may be claimed, in turn."""
    room = Room()
    ready = [Ready(account_id=1, id=UUID(int=number), is_failing=False) for number in range(5)]
    shares = [room.shares(ready, {}, quick_only=False, new_max=4) for _ in range(5)]
    assert all(sum(each.values()) == 2 for each in shares)
    assert {which for each in shares for which in each} == {each.which for each in ready}


def test_shares_of_those_that_answer() -> None:
    """Half of what may be claimed is theirs, however many others there are."""
    room = Room()
    ready = [Ready(account_id=1, id=UUID(int=number), is_failing=number > 0) for number in range(100)]
    quick = ready[0].which
    room.end(room.begin(quick, 0.0), 0.1, succeeded=True)
    for _ in range(3):
        shares = room.shares(ready, {}, quick_only=False, new_max=20)
        assert (shares[quick], sum(shares.values())) == (10, 20)
