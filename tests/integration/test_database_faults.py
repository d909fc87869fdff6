"""What the database does to a transaction is not the requests' fault: it is run again, and nothing is counted."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from tenacity import stop_after_attempt, wait_none

from tests import bodies
from tests.conftest import SECRET_KEY, by_hand
from tests.integration.intake import Intake, entry
from trueup.clock import utc_now
from trueup.producer.signer import Signer
from trueup.store.accounts.tokens import create_token, revoke_token
from trueup_worker.intake.commits import persist as persisting
from trueup_worker.intake.dismissal import TryAgainLater
from trueup_worker.intake.receive import receive
from trueup_worker.reporting.reconcile import reconcile

PASSING = {
    "40001": "a serialisation failure",
    "40P01": "a deadlock",
    "55P03": "a lock that is not to be had in time",
    "57014": "a statement that takes too long",
    "25P03": "a transaction that idles too long",
    "57P05": "a session that idles too long",
    "25006": "a database that only reads, as after a failover",
    "08P01": "a pooler that does not understand",
    "0A000": "a plan of before a migration",
    "26000": "a prepared statement of another session",
    "34000": "a cursor of another session",
    "53100": "a full disk",
    "53300": "no more connections",
    "57P01": "a server that is shut down",
    "XX000": "a defect of the server's",
}
"""What passes, by its SQLSTATE."""

_FAILS_AT_FIRST = """
    CREATE SEQUENCE tries;  -- no rollback takes a number back
    CREATE FUNCTION fail_at_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{state}'; END IF;
        RETURN new;
    END $$;
    CREATE TRIGGER fail_at_first BEFORE INSERT ON commit FOR EACH STATEMENT EXECUTE FUNCTION fail_at_first();
"""


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr("trueup.store.postgres.retry._WAIT", wait_none())


def let_fail(engine: Engine, state: str, *, times: int) -> None:
    """Lets the next inserts of commits fail."""
    with by_hand(engine) as connection:
        connection.execute(text(_FAILS_AT_FIRST.format(state=state, times=times)))


@pytest.mark.parametrize("state", PASSING, ids=[*PASSING.values()])
def test_what_passes(database: Engine, state: str) -> None:
    """The unit is run again until it succeeds: one commit each, nothing parked, no delivery counted."""
    intake = Intake(database)
    let_fail(database, state, times=2)
    assert {each.outcome for each in intake.receive(*(entry(bodies.prepaid()) for _ in range(3)))} == {"created"}
    assert [intake.count(table) for table in ("commit", "parked", "delivery")] == [3, 0, 0]


@pytest.mark.parametrize("state", ["08P01", "0A000", "25006", "26000", "34000", "53100", "53300", "57P01"])
def test_a_long_outage_counts_nothing(database: Engine, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    """However often a message is delivered while the database is away, none of its tries is one of the five."""
    monkeypatch.setattr("trueup.store.postgres.retry._STOP", stop_after_attempt(1))
    intake, deliveries = Intake(database), 30
    let_fail(database, state, times=deliveries)
    request = entry(bodies.prepaid())
    message = intake.message([request])
    for _ in range(deliveries):
        with pytest.raises(TryAgainLater) as later:
            receive(message, intake.services, now=utc_now())
        assert not later.value.counts
    receive(message, intake.services, now=utc_now())
    assert intake.outcomes(request)[UUID(request["id"])].outcome == "created"
    assert [intake.count(table) for table in ("commit", "parked", "delivery")] == [1, 0, 0]


def test_a_request_that_takes_all_memory(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory runs out for one request, it alone is parked at the fifth delivery; its neighbours are commits."""
    monkeypatch.setattr("trueup.store.postgres.retry._STOP", stop_after_attempt(1))
    rows = persisting.commit_rows

    def exhausting(candidates: list[persisting.Candidate]) -> list[dict[str, object]]:
        if any(each.normal.get("name") == "huge" for each in candidates):
            raise MemoryError
        return rows(candidates)

    monkeypatch.setattr(persisting, "commit_rows", exhausting)
    requests = [entry(bodies.prepaid()), entry(bodies.prepaid(name="huge"))]
    outcomes = Intake(database).receive(*requests, attempt=5)
    assert [each.outcome for each in outcomes] == ["created", "parked"]


def test_one_message_delivered_fifty_times_at_once(database: Engine) -> None:
    """Fifty deliveries of the same envelope at the same moment make one commit for each of its requests."""
    intake = Intake(database)
    message = intake.message([entry(bodies.invoiced(uniqueness_key=f"order {number}")) for number in range(5)])
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda _: receive(message, intake.services, now=utc_now()), range(50)))
    assert [intake.count(table) for table in ("commit", "obligation", "parked")] == [5, 5, 0]
    with database.connect() as connection:
        assert reconcile(connection, intake.account_id) == []


def test_one_key_with_other_content_at_the_same_moment(database: Engine) -> None:
    """Twenty requests with one key, each of another amount: one makes the commit, and all the others name it."""
    intake = Intake(database)
    requests = [
        entry(bodies.changed(bodies.prepaid(uniqueness_key="one"), bodies.AMOUNT, 1_000 + number))
        for number in range(20)
    ]
    with ThreadPoolExecutor(10) as threads:
        outcomes = [each for [each] in threads.map(intake.receive, requests)]
    assert sorted(each.outcome for each in outcomes) == ["created"] + ["duplicate"] * 19
    [winner] = [str(each.request_id) for each in outcomes if each.outcome == "created"]
    assert {(each.existing["id"], each.existing["same_content"]) for each in outcomes if each.existing} == {
        (winner, False)
    }


def test_a_token_rotated_in_mid_run(database: Engine) -> None:
    """What comes under the old token once that is revoked makes nothing; sent under the new one it is made, once."""
    intake = Intake(database)
    requests = [entry(bodies.prepaid()) for _ in range(4)]
    key_id = Signer.of_token(intake.token).key_id
    old = [intake.message([each]) for each in requests]
    for message in old[:2]:
        receive(message, intake.services, now=utc_now())
    with database.begin() as connection:
        new = create_token(connection, account_id=intake.account_id, scopes=("commits:write",), secret_key=SECRET_KEY)
        revoke_token(connection, account_id=intake.account_id, key_id=key_id, now=utc_now())
    for message in old:
        receive(message, intake.services, now=utc_now())
    assert intake.count("commit") == 2
    intake.receive(*requests, token=new)
    assert intake.count("commit") == 4
