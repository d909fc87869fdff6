"""The schedule of retries."""

from datetime import timedelta

import pytest

from trueup_worker.webhooks.schedule import Exhausted, Place, after_failure, waits_of

WAITS = waits_of("5s,5m,30m,2h,5h,10h,14h,20h,24h")


def test_each_failure_waits_longer() -> None:
    """Ten attempts in all, over three days."""
    place, waited = Place(0, 0), []
    for _ in WAITS:
        place, wait = after_failure(place, WAITS, drawn=0.5)
        waited.append(wait)
    assert waited == list(WAITS)
    with pytest.raises(Exhausted):
        after_failure(place, WAITS)


def test_waits_are_spread() -> None:
    """By ten percent either way, so that what failed together does not come back together."""
    least, most = (after_failure(Place(1, 0), WAITS, drawn=drawn)[1] for drawn in (0, 1))
    assert (least, most) == (timedelta(minutes=4.5), timedelta(minutes=5.5))


def test_what_is_tried_beside_the_schedule_uses_none_of_it() -> None:
    """And waits as before; until the next attempt of the schedule it is not hurried again."""
    place, wait = after_failure(Place(2, 1), WAITS, drawn=0.5)
    assert (place, wait) == (Place(2, 2), timedelta(minutes=5))
    assert after_failure(place, WAITS, drawn=0.5)[0] == Place(3, 0)


@pytest.mark.parametrize("given", ["", "5", "5x", "5s,,5m", "-5s", "5 s"])
def test_what_is_no_time_is_named(given: str) -> None:
    """With how one looks."""
    with pytest.raises(ValueError, match="is no time: one looks like"):
        waits_of(given)
