"""What takes too long is its own fault only where nothing else is to blame."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests import bodies
from tests.integration.book import LAST_YEAR, Book
from tests.integration.intake import Entry, Intake, entry
from tests.integration.slowness import impatient, locked, make_slow
from tests.integration.test_heavy import sweep
from trueup.limits import DELIVERIES_MAX, ISSUE_ATTEMPTS_MAX
from trueup.store.postgres.fault import can_write
from trueup_worker.intake.dismissal import TryAgainLater
from trueup_worker.intake.message import Message
from trueup_worker.invoicing.issue import issue_all_due

SLOW = "NEW.name = ''slow''"


@pytest.fixture
def intake(database: Engine) -> Iterator[Intake]:
    """An account whose statements have a second each."""
    with impatient(database) as engine:
        yield Intake(engine)


def work_off(intake: Intake, message: Message) -> int:
    """Receives a message, whatever comes of it, and its own next attempts, as workers do; gives the deliveries."""
    queue, deliveries = [message], 0
    while queue:
        each = queue.pop(0)
        deliveries += 1
        try:
            intake.take(each)
        except TryAgainLater as error:
            queue.append(replace(each, attempt=each.attempt + error.counts))
        queue += sweep(intake)
    return deliveries


def outcome_of(intake: Intake, each: Entry) -> tuple[str, str | None] | None:
    """Outcome and reason of a request, if it has one."""
    found = intake.outcomes(each).get(UUID(each["id"]))
    return found and (found.outcome, found.reason)


def test_content_that_takes_too_long_is_parked_alone(intake: Intake) -> None:
    """A request whose statement runs into the time-out is found by halving, counted, and parked; others are created."""
    make_slow(intake.engine, "commit", SLOW)
    entries = [entry(bodies.prepaid(name="slow" if number == 2 else "quick")) for number in range(4)]
    deliveries = work_off(intake, intake.message(entries))
    assert [outcome_of(intake, each) for each in entries] == [
        ("created", None),
        ("created", None),
        ("parked", "transient"),
        ("created", None),
    ]
    assert deliveries == 1 + 2 + 2 + DELIVERIES_MAX - 1
    assert intake.rows("SELECT detail FROM parked WHERE account_id = :a") == [
        ("canceling statement due to statement timeout",)
    ]
    assert [intake.count(table) for table in ("intake", "delivery")] == [0, 0]


def test_innocent_content_waits_for_a_lock(intake: Intake, database: Engine) -> None:
    """While somebody holds a lock, an envelope is sent back as often as it comes, uncounted, and then decided."""
    each = entry(bodies.prepaid())
    message = intake.message([each], attempt=DELIVERIES_MAX)
    with locked(database, "commit"):
        for _ in range(2):
            with pytest.raises(TryAgainLater, match="lock timeout") as caught:
                intake.take(message)
            assert (caught.value.counts, caught.value.is_away) == (False, False)
    assert (intake.count("parked"), intake.count("delivery")) == (0, 0)
    intake.take(message)
    assert outcome_of(intake, each) == ("created", None)


def test_innocent_content_waits_for_a_disk(intake: Intake) -> None:
    """Where a single row cannot be stored in time either, a statement's time-out does not count."""
    make_slow(intake.engine, "commit", "true")
    make_slow(intake.engine, "delivery", "NEW.account_id = 0")
    message = intake.message([entry(bodies.prepaid()), entry(bodies.prepaid())], attempt=DELIVERIES_MAX)
    with pytest.raises(TryAgainLater) as caught:
        intake.take(message)
    assert not caught.value.counts
    assert [intake.count(table) for table in ("parked", "delivery", "outcome", "intake")] == [0, 0, 0, 0]


def test_the_probe_leaves_nothing(intake: Intake, database: Engine) -> None:
    """It writes a row and removes it; where it has to wait it says that it cannot."""
    assert can_write(intake.engine)
    assert intake.count("delivery") == 0
    with locked(database, "delivery"):
        assert not can_write(intake.engine)


def test_an_obligation_that_takes_too_long_is_parked(database: Engine, account: int) -> None:
    """One row on which settling runs into the time-out is found by halving and parked after its tries."""
    with impatient(database) as engine:
        book = Book(engine, account)
        good = book.prepaid_in_bulk([[(LAST_YEAR, "1", "1", "1")]] * 2)
        bad = book.prepaid((LAST_YEAR, "666"))
        make_slow(engine, "invoice", "NEW.total = 666")
        issued = issue_all_due(engine, account)
        assert (issued.issued, issued.parked, issued.failed) == (2, 1, ISSUE_ATTEMPTS_MAX - 1)
        assert [book.state(each) for each in [*good, bad]] == ["issued", "issued", "parked"]


def test_an_obligation_behind_a_lock_is_not_to_blame(database: Engine, account: int) -> None:
    """While somebody holds a lock nothing is counted against what is due."""
    with impatient(database) as engine:
        book = Book(engine, account)
        commit_id = book.prepaid((LAST_YEAR, "1"))
        with locked(database, "invoice"), pytest.raises(Exception, match="lock timeout"):
            issue_all_due(engine, account)
        assert book.rows("SELECT attempts, state FROM obligation") == [(0, "pending")]
        issue_all_due(engine, account)
        assert book.state(commit_id) == "issued"
