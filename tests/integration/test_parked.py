"""An operator brings back what got stuck, or gives it up."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.conftest import SECRET_KEY, by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.producer.signer import Signer
from trueup.store.accounts.tokens import SYSTEM_KEY_ID, system_key
from trueup.store.requests.kept_envelopes import take_due
from trueup.store.requests.parked_messages import list_parked
from trueup.store.requests.parking import Choice, count_chosen
from trueup.wire.message.names import SIGNATURE_HEADER, TASK_CREATE
from trueup_worker.intake.message import Message
from trueup_worker.intake.parked.resolve import discard, replay
from trueup_worker.intake.receive import receive

SYSTEM = Signer(SYSTEM_KEY_ID, system_key(SECRET_KEY))
BATCHES = [new_id(), new_id()]


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account with four requests parked as database_refused, two in each of two batches; the cause is gone."""
    made = Intake(database)
    with by_hand(database) as connection:
        connection.execute(text("ALTER TABLE commit ADD CONSTRAINT poison CHECK (name <> 'poison')"))
    for batch in BATCHES:
        bad = [entry(prepaid(name="poison")) for _ in range(2)]
        made.receive(*bad, entry(prepaid()), batch_id=str(batch))
    with by_hand(database) as connection:
        connection.execute(text("ALTER TABLE commit DROP CONSTRAINT poison"))
    return made


def act(intake: Intake, use_case: Callable[..., int], *given: Any, **more: Any) -> int:
    """Runs a use case in a transaction of its own."""
    with intake.engine.begin() as connection:
        return use_case(connection, intake.account_id, *given, **more)


def replayed(intake: Intake, choice: Choice) -> int:
    """Replays and delivers what the sweeper would publish; returns how many rows were replayed."""
    count = act(intake, replay, choice, lease_s=60, actor="k")
    with intake.engine.begin() as connection:
        due = take_due(connection, limit=100)
    for kept in due:
        signature = SYSTEM.headers(kept.meta, kept.requests, at=utc_now())[SIGNATURE_HEADER]
        receive(Message(TASK_CREATE, kept.meta, kept.requests, signature), intake.services, now=utc_now())
    return count


def reasons(intake: Intake, state: str = "parked") -> list[str]:
    """Why rows in this state were parked."""
    with intake.engine.connect() as connection:
        return [row.reason for row in list_parked(connection, intake.account_id, limit=100, state=state).rows]


def verdicts(intake: Intake) -> list[tuple[str, str | None]]:
    """Outcomes that are no commits."""
    return [tuple(row) for row in intake.rows("SELECT outcome, reason FROM outcome WHERE account_id = :a")]


def test_replay_all(intake: Intake) -> None:
    """Replayed requests become commits under their own ids; nothing is left of them in parked, intake or outcomes."""
    assert replayed(intake, Choice()) == 4
    assert (intake.count("commit"), intake.count("intake"), reasons(intake)) == (6, 0, [])
    ids = intake.rows("SELECT request_id FROM parked WHERE account_id = :a")
    assert {row[0] for row in ids} <= {row[0] for row in intake.rows("SELECT id FROM commit WHERE account_id = :a")}


def test_replay_twice(intake: Intake) -> None:
    """The second replay finds nothing and changes nothing."""
    replayed(intake, Choice())
    assert replayed(intake, Choice()) == 0
    assert intake.count("commit") == 6


def test_replay_by_batch(intake: Intake) -> None:
    """Only the rows of that batch are replayed."""
    assert replayed(intake, Choice(batch_id=BATCHES[0])) == 2
    assert len(reasons(intake)) == 2


def test_replay_by_reason(intake: Intake) -> None:
    """Only the rows with that reason are replayed."""
    assert replayed(intake, Choice(reason="kills_worker")) == 0
    assert replayed(intake, Choice(reason="database_refused")) == 4


def test_replay_one(intake: Intake) -> None:
    """One row is replayed by its id."""
    [(chosen,)] = intake.rows("SELECT id FROM parked WHERE account_id = :a LIMIT 1")
    assert replayed(intake, Choice(ids=(chosen,))) == 1
    assert len(reasons(intake)) == 3


def test_dry_run(intake: Intake) -> None:
    """The dry run says how many, and changes nothing."""
    assert act(intake, count_chosen, Choice(batch_id=BATCHES[0])) == 2
    assert len(reasons(intake)) == 4


def test_replayed_in_vain(intake: Intake) -> None:
    """What cannot be decided after a replay either is parked again."""
    with by_hand(intake.engine) as connection:
        connection.execute(text("ALTER TABLE commit ADD CONSTRAINT poison CHECK (name <> 'poison')"))
    replayed(intake, Choice())
    assert reasons(intake) == ["database_refused"] * 4


def test_discard_is_final(intake: Intake) -> None:
    """A discarded request stays parked whatever is delivered under its id, until it is replayed by name."""
    rows = intake.rows("SELECT id, requests, request_id FROM parked WHERE account_id = :a")
    assert act(intake, discard, Choice(), note="the customer left", actor="k") == 4
    assert verdicts(intake) == [("parked", "discarded")] * 4
    for row in rows:
        intake.receive(*json.loads(row.requests))
    wrong = entry(prepaid(customer_id=str(new_id())), request_id=rows[0].request_id)
    intake.receive(wrong)
    assert (verdicts(intake), intake.count("commit")) == ([("parked", "discarded")] * 4, 2)
    assert replayed(intake, Choice()) == 0
    assert replayed(intake, Choice(ids=(rows[0].id,))) == 1
    assert intake.outcomes({"id": str(rows[0].request_id)})[UUID(str(rows[0].request_id))].outcome == "created"


def test_whole_envelopes_are_replayed_as_they_came(intake: Intake) -> None:
    """An envelope that was parked whole is published with the same bytes."""
    message = intake.message([], v=1)
    receive(message, intake.services, now=utc_now())
    assert act(intake, replay, Choice(reason="bad_envelope"), lease_s=60, actor="k") == 1
    assert [bytes(row[0]).decode() for row in intake.rows("SELECT meta FROM intake WHERE account_id = :a")] == [
        message.meta
    ]


def test_audit(intake: Intake) -> None:
    """Who replayed and discarded what is written down."""
    act(intake, replay, Choice(batch_id=BATCHES[0]), lease_s=60, actor="k")
    act(intake, discard, Choice(reason="database_refused"), note="n", actor="k")
    assert intake.rows("SELECT actor, action, subject, after FROM audit WHERE account_id = :a ORDER BY seq") == [
        ("k", "replay_parked", f"batch {BATCHES[0]}", {"rows": 2}),
        ("k", "discard_parked", "reason database_refused", {"rows": 2}),
    ]


def test_other_accounts_are_out_of_reach(intake: Intake, database: Engine) -> None:
    """An account neither counts nor replays what another parked."""
    stranger = Intake(database, "stranger")
    [(row_id,)] = intake.rows("SELECT id FROM parked WHERE account_id = :a LIMIT 1")
    for choice in (Choice(), Choice(ids=(row_id,)), Choice(batch_id=BATCHES[0])):
        assert act(stranger, count_chosen, choice) == 0
