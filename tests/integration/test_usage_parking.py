"""Usage that cannot be decided is parked, halved and replayed as usage."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.conftest import SECRET_KEY, by_hand
from tests.integration.intake import Intake
from tests.integration.test_usage_intake import used
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.producer.signer import Signer
from trueup.store.accounts.tokens import SYSTEM_KEY_ID, create_token, system_key
from trueup.store.requests.kept_envelopes import Kept, take_due
from trueup.store.requests.parking import Choice
from trueup.wire.message.names import QUEUE_USAGE, SIGNATURE_HEADER, TASK_RECORD
from trueup.wire.message.queues import task_on
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.message import Message
from trueup_worker.intake.parked.resolve import replay
from trueup_worker.intake.receive import receive
from trueup_worker.intake.usage.pipeline import USAGE

SYSTEM = Signer(SYSTEM_KEY_ID, system_key(SECRET_KEY))


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives usage."""
    return Intake(database, task=TASK_RECORD)


def swept(intake: Intake) -> list[Kept]:
    """What the sweeper would publish now."""
    with intake.engine.begin() as connection:
        return take_due(connection, limit=100)


def published(kept: Kept) -> Message:
    """The message that it is published as: for the task of its queue, under the system's key."""
    task = task_on(kept.queue)
    headers = SYSTEM.headers(kept.meta, kept.requests, at=utc_now(), task=task)
    return Message(task, kept.meta, kept.requests, headers[SIGNATURE_HEADER])


def parked(intake: Intake) -> list[Any]:
    """Reason, task and account of everything that is parked."""
    return intake.rows("SELECT reason, task, account_id = :a FROM parked ORDER BY parked_at")


def test_a_line_that_the_database_refuses(intake: Intake) -> None:
    """It is found by halving and parked; replayed as usage once the cause is gone, it is stored under its own id."""
    with by_hand(intake.engine) as connection:
        connection.execute(text("ALTER TABLE usage_line ADD CONSTRAINT poison CHECK (quantity <> 66)"))
    entries = [used(number, quantity=66 if number == 7 else 1) for number in range(20)]
    outcomes = intake.receive(*entries)
    assert [o.outcome for o in outcomes].count("created") == 19
    assert (outcomes[7].outcome, outcomes[7].reason) == ("parked", "database_refused")
    with by_hand(intake.engine) as connection:
        connection.execute(text("ALTER TABLE usage_line DROP CONSTRAINT poison"))
    with intake.engine.begin() as connection:
        assert replay(connection, intake.account_id, Choice(), lease_s=60, actor="k") == 1
    [kept] = swept(intake)
    assert (kept.queue, kept.size, '"kind"' in kept.requests) == (QUEUE_USAGE, 1, False)
    intake.take(published(kept))
    assert [o.outcome for o in intake.outcomes(*entries).values()] == ["created"] * 20
    assert (intake.count("usage_line"), intake.count("intake")) == (20, 0)


def test_a_line_that_kills_its_worker(intake: Intake) -> None:
    """Its envelope is halved from the third delivery on, as usage, until it is alone and parked."""
    entries = [used(number) for number in range(4)]
    pending = [intake.message(entries)]
    while pending:
        pending = [each for each in pending if not survives(intake, each)] + list(map(published, swept(intake)))
    assert parked(intake) == [("kills_worker", TASK_RECORD, True)]
    assert [o.outcome for o in intake.receive(*entries[:3])] == ["created"] * 3
    assert (intake.count("usage_line"), intake.count("intake")) == (3, 0)


def survives(intake: Intake, message: Message) -> bool:
    """Whether a worker survives this message: the line t-3 kills it."""

    def read(part: Delivery) -> Any:
        if any(b"t-3" in request.text for request in part.requests):
            raise KeyboardInterrupt
        return USAGE.read(part)

    try:
        receive(message, intake.services, now=utc_now(), pipeline=replace(USAGE, read=read))
    except KeyboardInterrupt:
        return False
    return True


def test_a_bad_envelope_is_replayed_as_usage(intake: Intake) -> None:
    """An envelope that was parked whole goes back to the task it came to."""
    intake.take(intake.message([]))
    assert parked(intake) == [("bad_envelope", TASK_RECORD, True)]
    with intake.engine.begin() as connection:
        replay(connection, intake.account_id, Choice(), lease_s=60, actor="k")
    assert [kept.queue for kept in swept(intake)] == [QUEUE_USAGE]


@pytest.mark.parametrize("case", ["another task's signature", "without the scope"])
def test_who_may_send_usage(intake: Intake, case: str) -> None:
    """A signature for commits, and a token without usage:write, are refused: nothing is stored, and nobody is told."""
    message = intake.message([used()])
    if case == "without the scope":
        with intake.engine.begin() as connection:
            scopes = ("commits:write", "read")
            token = create_token(connection, account_id=intake.account_id, scopes=scopes, secret_key=SECRET_KEY)
        message = intake.message([used()], token=token)
    else:
        headers = Signer.of_token(intake.token).headers(message.meta, message.requests, at=utc_now())
        message = replace(message, signature=headers[SIGNATURE_HEADER])
    assert intake.take(message) == {}
    assert parked(intake) == [("unauthenticated", TASK_RECORD, None)]
    assert (intake.count("usage_line"), intake.count("outcome")) == (0, 0)


def test_raw_rows(intake: Intake) -> None:
    """A row that is no JSON, and one that is too large, get their outcomes; their neighbour is stored."""
    entries = [
        {"id": str(new_id()), "raw": "{nonsense"},
        {"id": str(new_id()), "raw": "{", "raw_bytes": 10_000_000},
        used(),
    ]
    codes = [[error["code"] for error in outcome.errors] for outcome in intake.receive(*entries)]
    assert codes == [["json_invalid"], ["body_too_large"], []]
