"""Who may enqueue."""

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.intake import Intake, entry, settings_of
from tests.integration.test_intake import prepaid
from trueup.clock import utc_now
from trueup.limits import UNAUTHENTICATED_BYTES_MAX
from trueup.store.requests.parking import count_unkept
from trueup_worker.intake.message import Message
from trueup_worker.intake.receive import receive


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives."""
    return Intake(database)


def refuse(intake: Intake, **changed: Any) -> None:
    """Receives a message that must not be admitted."""
    good = intake.message([entry(prepaid())])
    fields = {name: getattr(good, name) for name in ("task", "meta", "requests", "signature", "attempt")}
    receive(type(good)(**{**fields, **changed}), intake.services, now=utc_now())
    assert intake.rows("SELECT reason, account_id FROM parked ORDER BY parked_at") == [("unauthenticated", None)]
    assert [intake.count(table) for table in ("commit", "outcome")] == [0, 0]


def test_unsigned(intake: Intake) -> None:
    """Without a signature nothing is created and nobody is answered."""
    refuse(intake, signature=None)


def test_forged(intake: Intake) -> None:
    """A signature of other requests is refused."""
    refuse(intake, requests=json.dumps([entry(prepaid())]))


@pytest.mark.parametrize("signature", ["\ud800", "a\0b", "v1,system,1,AAAA", "v1," + "x" * 5000, ""])
def test_no_clean_text(intake: Intake, signature: str) -> None:
    """Whatever stands in the header, the message is parked once and gone."""
    refuse(intake, signature=signature)


def test_forged_under_the_systems_key(intake: Intake) -> None:
    """The system's key id opens nothing without the system's key."""
    refuse(intake, signature=f"v1,system,{int(utc_now().timestamp())},{'A' * 43}", meta='{"v": 2}')


def test_an_envelope_that_names_another_account(intake: Intake, database: Engine) -> None:
    """Not even a broken one is parked under the signer, who could have it replayed to the other account."""
    stranger = Intake(database, "stranger")
    message = stranger.message([], account=intake.account)
    receive(message, intake.services, now=utc_now())
    assert intake.rows("SELECT reason, account_id FROM parked") == [("unauthenticated", None)]


def test_another_account(intake: Intake, database: Engine) -> None:
    """A token signs for its own account only."""
    stranger = Intake(database, "stranger")
    good = intake.message([entry(prepaid())], token=stranger.token)
    refuse(intake, meta=good.meta, requests=good.requests, signature=good.signature)
    assert stranger.count("commit") == 0


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()", "scopes = '{read}'"])
def test_a_token_that_may_not(intake: Intake, change: str) -> None:
    """A revoked or expired token, or one without the scope, enqueues nothing."""
    with by_hand(intake.engine) as connection:
        connection.execute(text(f"UPDATE token SET {change}"))
    refuse(intake)


def test_signing_switched_off(database: Engine) -> None:
    """For closed brokers the account that the envelope names is believed."""
    intake = Intake(database, settings=settings_of(require_signature=False))
    request = entry(prepaid())
    good = intake.message([request])
    receive(type(good)(good.task, good.meta, good.requests, None), intake.services, now=utc_now())
    assert intake.outcomes(request)[UUID(request["id"])].outcome == "created"


def test_bounded(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of strangers' messages so many rows of so many bytes are kept; the others are only counted."""
    monkeypatch.setattr("trueup.store.requests.parking.UNAUTHENTICATED_ROWS_MAX", 2)
    for number in range(5):
        receive(
            Message("commits.create", "m" * 100_000, f"{number}" + "r" * 100_000, None), intake.services, now=utc_now()
        )
    [(rows, size)] = intake.rows("SELECT count(*), max(length(meta) + length(requests)) FROM parked")
    assert (rows, size) == (2, UNAUTHENTICATED_BYTES_MAX)
    with intake.engine.connect() as connection:
        assert count_unkept(connection) == 3
