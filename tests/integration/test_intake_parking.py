"""What cannot be decided is parked, and nothing else is lost with it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from tenacity import stop_after_attempt

from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.store.requests.kept_envelopes import suspect
from trueup_worker.intake.bodies import Candidate
from trueup_worker.intake.commits import persist as persisting
from trueup_worker.intake.commits.pipeline import COMMITS
from trueup_worker.intake.receive import receive


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives."""
    return Intake(database)


def parked(intake: Intake) -> list[Any]:
    """Reasons of all parked rows, with the account they are booked on."""
    return intake.rows("SELECT reason, account_id = :a FROM parked ORDER BY parked_at")


def send(intake: Intake, entries: Any, **meta: Any) -> None:
    """Receives an envelope that may be odd."""
    receive(intake.message(entries, **meta), intake.services, now=utc_now())


@pytest.mark.parametrize(
    "entries", [[], [{"body": {}}], [{"id": "x", "body": {}}], {"id": 1}, [{"id": str(new_id())}], [1]]
)
def test_bad_envelope(intake: Intake, entries: Any) -> None:
    """An envelope of another form is parked whole, under the signer's account."""
    send(intake, entries)
    assert parked(intake) == [("bad_envelope", True)]


def test_too_many_requests(intake: Intake) -> None:
    """An envelope with 501 requests is parked whole."""
    send(intake, [entry(prepaid()) for _ in range(501)])
    assert parked(intake) == [("bad_envelope", True)]
    assert intake.count("commit") == 0


@pytest.mark.parametrize(("entries", "meta"), [([" " * 3_000_000], {}), ([], {"batch_id": "x" * 3_000_000})])
def test_an_envelope_too_large_is_parked_by_its_beginning(intake: Intake, entries: Any, meta: dict[str, Any]) -> None:
    """Who signed it is told how large it was; the first 64 KiB of it are kept."""
    send(intake, entries, **meta)
    [(reason, detail, kept)] = intake.rows(
        "SELECT reason, detail, length(meta) + length(requests) FROM parked WHERE account_id = :a"
    )
    assert (reason, kept <= 64 * 1024, "30000" in detail) == ("bad_envelope", True, True)


def test_unknown_version(intake: Intake) -> None:
    """A version from the future is parked, never dropped."""
    send(intake, [entry(prepaid())], v=2)
    assert parked(intake) == [("unknown_version", True)]


def test_parked_once(intake: Intake) -> None:
    """However often a bad envelope is delivered, it is parked once."""
    message = intake.message([])
    for _ in range(3):
        receive(message, intake.services, now=utc_now())
    assert len(parked(intake)) == 1


def test_a_request_that_the_database_refuses(intake: Intake) -> None:
    """It is found by halving and parked; its neighbours become commits."""
    with by_hand(intake.engine) as connection:
        connection.execute(text("ALTER TABLE commit ADD CONSTRAINT poison CHECK (name <> 'poison')"))
    entries = [entry(prepaid(name="poison" if number == 77 else "good")) for number in range(100)]
    outcomes = intake.receive(*entries)
    assert [o.outcome for o in outcomes].count("created") == 99
    assert (outcomes[77].outcome, outcomes[77].reason) == ("parked", "database_refused")
    stored = intake.rows("SELECT convert_from(requests, 'UTF8') FROM parked WHERE account_id = :a")
    assert [json.loads(row[0]) for row in stored] == [[{**entries[77], "kind": "commit"}]]


def test_a_lone_surrogate_spoils_one_row_only(intake: Intake) -> None:
    """A raw row that no JSON text may hold gets its outcome; its neighbour becomes a commit."""
    entries = [{"id": str(new_id()), "raw": "bad \ud800 row"}, entry(prepaid())]
    assert [o.outcome for o in intake.receive(*entries)] == ["invalid", "created"]


def test_one_request_that_fails_again_and_again(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the fifth delivery it is parked alone: its neighbours become commits."""
    monkeypatch.setattr("trueup.store.postgres.retry._STOP", stop_after_attempt(1))
    rows = persisting.commit_rows

    def failing(candidates: list[Candidate]) -> list[dict[str, Any]]:
        if any(each.normal.get("name") == "odd" for each in candidates):
            raise RuntimeError("a defect that only one request meets")
        return rows(candidates)

    monkeypatch.setattr(persisting, "commit_rows", failing)
    entries = [entry(prepaid()), entry(prepaid(name="odd")), entry(prepaid())]
    outcomes = intake.receive(*entries, attempt=5)
    assert [(o.outcome, o.reason) for o in outcomes] == [
        ("created", None),
        ("parked", "transient"),
        ("created", None),
    ]


def test_a_created_request_is_never_parked(intake: Intake) -> None:
    """Delivered again and again in vain, a request with a commit stays created."""
    request = entry(prepaid())
    message = intake.message([request])
    receive(message, intake.services, now=utc_now())
    with intake.engine.begin() as connection:
        suspect(connection, intake.account_id, [message.digest], deliveries=50)
    assert receive(message, intake.services, now=utc_now()) == {"created": 1}
    assert (intake.count("parked"), intake.count("delivery")) == (0, 0)


def test_deaths_are_counted_by_content(intake: Intake) -> None:
    """Whoever delivers it, and however: from the third delivery on an envelope is halved."""
    message = intake.message([entry(prepaid()) for _ in range(4)])

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    deadly = replace(COMMITS, read=die)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            receive(message, intake.services, now=utc_now(), pipeline=deadly)
    assert receive(message, intake.services, now=utc_now()) == {}
    assert intake.rows("SELECT size FROM intake WHERE account_id = :a") == [(2,), (2,)]


def test_transient_failures_park_at_the_fifth_delivery(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four deliveries are sent back, the fifth is parked."""
    monkeypatch.setattr("trueup.store.postgres.retry._STOP", stop_after_attempt(1))
    with by_hand(intake.engine) as connection:
        connection.execute(text("ALTER TABLE segment RENAME TO segment_gone"))
    request = entry(prepaid())
    with pytest.raises(Exception, match="does not exist"):
        receive(intake.message([request], attempt=4), intake.services, now=utc_now())
    receive(intake.message([request], attempt=5), intake.services, now=utc_now())
    assert parked(intake) == [("transient", True)]
