"""Idempotency keys: the first answer again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives."""
    return Intake(database)


def test_first_answer_again(intake: Intake) -> None:
    """The same key with the same content gives the first commit, under another request id."""
    first = entry(prepaid(), idempotency_key="i")
    intake.receive(first)
    [again] = intake.receive(entry(prepaid(), idempotency_key="i"))
    assert (again.outcome, again.existing) == (
        "created",
        {"id": first["id"], "type": "PREPAID", "same_content": True},
    )
    assert intake.count("commit") == 1


def test_other_content(intake: Intake) -> None:
    """The same key with other content is refused."""
    intake.receive(entry(prepaid(), idempotency_key="i"))
    [again] = intake.receive(entry(prepaid(name="other"), idempotency_key="i"))
    assert [e["code"] for e in again.errors] == ["idempotency_key_reused"]


def test_twice_in_one_envelope(intake: Intake) -> None:
    """Within an envelope the second request gets the answer of the first."""
    first, second = intake.receive(entry(prepaid(), idempotency_key="i"), entry(prepaid(), idempotency_key="i"))
    assert second.existing is not None
    assert (first.outcome, second.outcome, second.existing["id"]) == ("created", "created", str(first.request_id))


def test_redelivery(intake: Intake) -> None:
    """A redelivered request finds its own key and its own commit."""
    request = entry(prepaid(), idempotency_key="i")
    assert intake.receive(request) == intake.receive(request)


def test_refusals_are_not_remembered(intake: Intake) -> None:
    """A key that came with a mistake can be used with the corrected body."""
    intake.receive(entry(prepaid(customer_id=str(new_id())), idempotency_key="i"))
    [outcome] = intake.receive(entry(prepaid(), idempotency_key="i"))
    assert (outcome.outcome, outcome.existing) == ("created", None)


def test_duplicates_are_remembered(intake: Intake) -> None:
    """A duplicate is answered as a duplicate again, and says so."""
    intake.receive(entry(prepaid(uniqueness_key="k")))
    late = prepaid(uniqueness_key="k")
    [first] = intake.receive(entry(late, idempotency_key="i"))
    [again] = intake.receive(entry(late, idempotency_key="i"))
    assert first.existing
    assert (again.outcome, again.existing) == ("duplicate", first.existing | {"replayed": True})


def test_kept_for_seven_days(intake: Intake) -> None:
    """After seven days a key is as good as new."""
    intake.receive(entry(prepaid(), idempotency_key="i"))
    with intake.engine.begin() as connection:
        connection.execute(text("UPDATE idempotency SET created_at = now() - interval '7 days 1 second'"))
    [outcome] = intake.receive(entry(prepaid(name="other"), idempotency_key="i"))
    assert (outcome.outcome, outcome.existing) == ("created", None)


def test_other_content_under_the_same_id(intake: Intake) -> None:
    """A newcomer that conflicts with the id does not take the idempotency key from the request that used it."""
    first = entry(prepaid(), idempotency_key="i")
    intake.receive(first)
    intake.receive(entry(prepaid(name="other"), request_id=first["id"], idempotency_key="i"))
    [again] = intake.receive(entry(prepaid(), idempotency_key="i"))
    assert (again.outcome, intake.count("commit")) == ("created", 1)
    assert again.existing is not None


def test_a_replayed_answer_is_final(intake: Intake) -> None:
    """A request that was answered with another's commit is answered so for ever, not only for seven days."""
    first, second = entry(prepaid(), idempotency_key="i"), entry(prepaid(), idempotency_key="i")
    intake.receive(first, second)
    with intake.engine.begin() as connection:
        connection.execute(text("UPDATE idempotency SET created_at = now() - interval '8 days'"))
    [again] = intake.receive(second)
    assert again.existing is not None
    assert (again.outcome, again.existing["id"], intake.count("commit")) == ("created", first["id"], 1)


def test_ten_at_once(intake: Intake) -> None:
    """Ten concurrent requests with one key and one content make one commit."""
    entries = [entry(prepaid(), idempotency_key="i") for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        outcomes = [outcome for [outcome] in pool.map(intake.receive, entries)]
    assert {o.outcome for o in outcomes} == {"created"}
    assert intake.count("commit") == 1
