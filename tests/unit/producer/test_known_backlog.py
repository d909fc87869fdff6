"""There is room where the broker said so a moment ago, and what was put there since leaves some."""

import pytest

from trueup.producer.known_backlog import KnownBacklog


class Clock:
    """Seconds, moved by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        """The present."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def test_what_nobody_told() -> None:
    """The broker has to be asked about a queue of which nothing is known."""
    assert not KnownBacklog(2).has_room("commits")


@pytest.mark.parametrize(("waiting", "has_room"), [(0, True), (1, True), (2, False), (3, False)])
def test_the_limit(waiting: int, has_room: bool) -> None:  # noqa: FBT001
    """A queue takes more below its limit; the next word of the broker is the one that counts."""
    known = KnownBacklog(2)
    for told in (2 - min(waiting, 2), waiting):
        known.note("commits", told)
    assert known.has_room("commits") is has_room
    assert not known.has_room("commits.bulk")


def test_what_was_put_since(clock: Clock) -> None:
    """A broker that tells no backlog is asked again once own messages have filled the queue."""
    known = KnownBacklog(2, clock_s=clock)
    known.note("commits", 0)
    known.note_put("commits", None)
    assert known.has_room("commits")
    known.note_put("commits", None)
    assert not known.has_room("commits")
    known.note_put("commits", 1)
    assert known.has_room("commits")


def test_a_put_is_no_news(clock: Clock) -> None:
    """Messages that the broker only took do not make what it told last longer."""
    known = KnownBacklog(100, clock_s=clock)
    known.note("commits", 0)
    clock.now_s = 0.2
    known.note_put("commits", None)
    assert known.has_room("commits")
    clock.now_s = 0.3
    assert not known.has_room("commits")
    known.note_put("commits", None)
    known.note_put("usage", None)
    assert not known.has_room("commits")
    assert not known.has_room("usage")


def test_a_broker_that_was_lost() -> None:
    """Nothing is known of the one that comes back."""
    known = KnownBacklog(2)
    known.note("commits", 0)
    known.forget()
    assert not known.has_room("commits")
