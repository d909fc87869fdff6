"""A message that is delivered again repeats what was answered, unless its sender wants it judged anew."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.acceptance.processes import wait_for
from tests.conftest import SECRET_KEY
from tests.integration.intake import Entry, Intake, entry
from tests.integration.test_intake import prepaid
from tests.unit.wire.test_usage import line
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.producer.signer import Signer
from trueup.redis.uniqueness_cache import UniquenessCache
from trueup.store.accounts.tokens import SYSTEM_KEY_ID, system_key
from trueup.store.requests.commit_inserts import store_outcomes
from trueup.store.requests.kept_envelopes import take_due
from trueup.store.requests.outcomes import count_outcomes
from trueup.store.requests.parking import Choice
from trueup.store.requests.standing_outcomes import read_instant
from trueup.wire.message.names import SIGNATURE_HEADER, TASK_RECORD
from trueup_worker.intake.message import Message
from trueup_worker.intake.parked.resolve import discard, replay
from trueup_worker.intake.services import Services
from trueup_worker.reporting.reconcile import reconcile

SYSTEM = Signer(SYSTEM_KEY_ID, system_key(SECRET_KEY))


@pytest.fixture
def intake(common_database: Engine) -> Intake:
    """An account that receives."""
    return Intake(common_database, str(new_id()))


@pytest.fixture
def usage(common_database: Engine) -> Intake:
    """An account that receives usage."""
    return Intake(common_database, str(new_id()), task=TASK_RECORD)


def appear(intake: Intake, customer_id: str) -> None:
    """The customer is there from now on."""
    with intake.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO customer (account_id, id, name) VALUES (:a, :id, 'late')"),
            {"a": intake.account_id, "id": customer_id},
        )


def early(**more: Any) -> tuple[Entry, str]:
    """A request that comes before its customer does."""
    customer_id = str(new_id())
    return entry(prepaid(customer_id=customer_id), **more), customer_id


def verdict(intake: Intake, request: Entry) -> str:
    """What became of it."""
    return intake.outcomes(request)[UUID(request["id"])].outcome


def sweep(intake: Intake) -> None:
    """Delivers what is due, as the sweeper would have it delivered, until nothing is."""
    while due := _due(intake):
        for kept in due:
            signature = SYSTEM.headers(kept.meta, kept.requests, at=utc_now(), task=intake.task)[SIGNATURE_HEADER]
            intake.take(Message(intake.task, kept.meta, kept.requests, signature))


def _due(intake: Intake) -> list[Any]:
    with intake.engine.begin() as connection:
        return take_due(connection, limit=100)


def deliveries(intake: Intake, message: Message, count: int) -> None:
    """So many workers have died of it."""
    with intake.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO delivery (account_id, digest, count) VALUES (:a, :digest, :count)"),
            {"a": intake.account_id, "digest": message.digest, "count": count},
        )


def again(intake: Intake, message: Message) -> None:
    """Delivered once more."""
    intake.take(message)


def swept(intake: Intake, message: Message) -> None:
    """Kept, and published by the sweeper."""
    with intake.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO intake (account_id, digest, meta, requests, queue, size, lease_s, due_at) "
                "VALUES (:a, :digest, :meta, :requests, 'commits', 2, 60, now())"
            ),
            {
                "a": intake.account_id,
                "digest": message.digest,
                "meta": message.meta.encode(),
                "requests": message.requests.encode(),
            },
        )
    sweep(intake)


def halved(intake: Intake, message: Message) -> None:
    """Halved, as its workers died."""
    deliveries(intake, message, 2)
    intake.take(message)
    sweep(intake)


def killing(intake: Intake, message: Message) -> None:
    """Halved until each request would be parked alone."""
    deliveries(intake, message, 2)
    intake.take(message)
    with intake.engine.begin() as connection:
        connection.execute(text("UPDATE delivery SET count = 5 WHERE account_id = :a"), {"a": intake.account_id})
    sweep(intake)


@pytest.mark.parametrize("come_again", [again, swept, halved, killing])
def test_a_refusal_stays(intake: Intake, come_again: Callable[[Intake, Message], None]) -> None:
    """Whoever was told that the customer is unknown may have made another request: this one makes nothing any more."""
    (request, customer_id), invalid = early(), entry(prepaid(type="NEITHER"))
    message = intake.message([request, invalid])
    assert intake.take(message) == {"not_found": 1, "invalid": 1}
    appear(intake, customer_id)
    theirs = entry(request["body"])
    assert [each.outcome for each in intake.receive(theirs)] == ["created"]
    come_again(intake, message)
    assert (verdict(intake, request), verdict(intake, invalid)) == ("not_found", "invalid")
    assert [intake.count(table) for table in ("commit", "parked", "intake")] == [1, 0, 0]


def test_whoever_repeats_a_request_is_told_what_was_answered(intake: Intake) -> None:
    """Neither the key that another request holds by now nor an idempotency key that it used changes the answer."""
    request, customer_id = early(idempotency_key="i")
    request["body"]["uniqueness_key"] = "k"
    message = intake.message([request])
    intake.take(message)
    appear(intake, customer_id)
    for theirs in (entry(request["body"]), entry(prepaid(customer_id=customer_id), idempotency_key="i")):
        assert [each.outcome for each in intake.receive(theirs)] == ["created"]
    assert intake.take(message) == {"not_found": 1}
    assert (intake.count("commit"), intake.count("idempotency")) == (2, 1)


def test_a_key_that_redis_knows(intake: Intake, redis_url: str) -> None:
    """A refusal stays that refusal where Redis tells of the commit that has its key by now."""
    intake.services = Services(intake.engine, UniquenessCache(redis_url, ttl_s=60), intake.settings)
    request, customer_id = early()
    request["body"]["uniqueness_key"] = "k"
    message = intake.message([request])
    intake.take(message)
    appear(intake, customer_id)
    intake.receive(entry(request["body"]))
    assert intake.take(message) == {"not_found": 1}
    assert verdict(intake, request) == "not_found"


def test_a_reused_idempotency_key_that_is_forgotten(intake: Intake) -> None:
    """What was refused for it is not created when the key is free again."""
    intake.receive(entry(prepaid(), idempotency_key="i"))
    other = intake.message([entry(prepaid(name="other"), idempotency_key="i")])
    assert intake.take(other) == {"invalid": 1}
    with intake.engine.begin() as connection:
        connection.execute(text("DELETE FROM idempotency WHERE account_id = :a"), {"a": intake.account_id})
    assert intake.take(other) == {"invalid": 1}
    assert intake.count("commit") == 1


def test_a_duplicate_stays(intake: Intake) -> None:
    """It names the same commit, however often it comes."""
    intake.receive(entry(prepaid(uniqueness_key="k")))
    second = entry(prepaid(uniqueness_key="k"))
    first_told, then_told = intake.receive(second)[0], intake.receive(second, anew_before=intake.instant())[0]
    assert first_told.outcome == then_told.outcome == "duplicate"
    assert first_told.existing == then_told.existing


def test_an_id_conflict_comes_again(intake: Intake) -> None:
    """It is parked once; with or without an instant the commit's outcome stays created."""
    first = entry(prepaid(name="first"))
    intake.receive(first)
    other = intake.message([entry(prepaid(name="other"), request_id=first["id"])], anew_before=intake.instant())
    assert [intake.take(other) for _ in range(2)] == [{"parked": 1}] * 2
    assert (verdict(intake, first), intake.count("parked"), intake.count("commit")) == ("created", 1, 1)


def test_judged_anew(intake: Intake) -> None:
    """For a sender who has read the instant a refused id becomes a commit; it counts once, and is announced once."""
    batch_id = new_id()
    (request, customer_id), (missing, _) = early(), early()
    intake.receive(request, missing, batch_id=str(batch_id))
    appear(intake, customer_id)
    told = intake.receive(request, missing, batch_id=str(batch_id), anew_before=intake.instant())
    assert [each.outcome for each in told] == ["created", "not_found"]
    with intake.engine.begin() as connection:
        counts = count_outcomes(connection, intake.account_id, batch_id)
        connection.execute(
            text(
                "INSERT INTO batch (account_id, id, source, content_sha256, kind, rows) "
                "VALUES (:a, :b, 'f', '', 'commit', 2)"
            ),
            {"a": intake.account_id, "b": batch_id},
        )
        assert reconcile(connection, intake.account_id) == []
    assert {each: n for each, n in counts.items() if n} == {"created": 1, "not_found": 1}
    events = "SELECT event, sum(cardinality(subject_ids)) FROM outbox WHERE account_id = :a GROUP BY 1 ORDER BY 1"
    assert intake.rows(events) == [("commit.created", 1), ("commit.rejected", 2)]


def test_an_instant_counts_once(intake: Intake) -> None:
    """The message that had a refusal judged anew finds the new one standing, and so does one with an older instant."""
    request, customer_id = early()
    older = intake.instant()
    intake.receive(request)
    message = intake.message([request], anew_before=intake.instant())
    assert intake.take(message) == {"not_found": 1}
    appear(intake, customer_id)
    assert intake.take(message) == {"not_found": 1}
    assert [each.outcome for each in intake.receive(request, anew_before=older)] == ["not_found"]
    assert [each.outcome for each in intake.receive(request, anew_before=intake.instant())] == ["created"]


def test_a_clock_that_was_set_back(intake: Intake) -> None:
    """What is decided under an instant is not dated before it, so that it stands when the message comes again."""
    request, customer_id = early()
    ahead = datetime.fromisoformat(intake.instant()) + timedelta(minutes=4)
    message = intake.message([request], anew_before=ahead.isoformat())
    intake.take(message)
    appear(intake, customer_id)
    assert intake.take(message) == {"not_found": 1}


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        ("yesterday", "meta.anew_before: "),
        ("2026-01-01T00:00:00", "meta.anew_before: "),
        (17, "meta.anew_before: "),
        ("2999-01-01T00:00:00Z", "meta.anew_before: lies in the future"),
    ],
)
def test_an_instant_that_is_none(intake: Intake, instant: object, said: str) -> None:
    """The envelope is parked as bad, with the field's name, and decides nothing."""
    intake.take(intake.message([entry(prepaid())], anew_before=instant))
    [(reason, detail)] = intake.rows("SELECT reason, detail FROM parked WHERE account_id = :a")
    assert (reason, detail.startswith(said), intake.count("commit")) == ("bad_envelope", True, 0)


def test_what_is_parked_is_revived_by_replay_alone(intake: Intake) -> None:
    """Neither a redelivery nor an instant revives it; once it was replayed and decided, nothing does."""
    request, customer_id = early()
    message = intake.message([request], anew_before=intake.instant())
    deliveries(intake, message, 9)
    intake.take(message)
    assert intake.take(message) == {"parked": 1}
    assert [each.outcome for each in intake.receive(request, anew_before=intake.instant())] == ["parked"]
    with intake.engine.begin() as connection:
        replay(connection, intake.account_id, Choice(), lease_s=60, actor="k")
    sweep(intake)
    assert verdict(intake, request) == "not_found"
    appear(intake, customer_id)
    [(parked_id,)] = intake.rows("SELECT id FROM parked WHERE account_id = :a")
    with intake.engine.begin() as connection:
        replay(connection, intake.account_id, Choice(ids=(parked_id,)), lease_s=60, actor="k")
    sweep(intake)
    assert verdict(intake, request) == "not_found"


def test_what_was_given_up_stays_so(intake: Intake) -> None:
    """An instant does not bring back what an operator discarded."""
    request = entry(prepaid())
    message = intake.message([request])
    deliveries(intake, message, 9)
    intake.take(message)
    with intake.engine.begin() as connection:
        discard(connection, intake.account_id, Choice(), note="n", actor="k")
    [told] = intake.receive(request, anew_before=intake.instant())
    assert (told.outcome, told.reason) == ("parked", "discarded")


def test_usage(usage: Intake) -> None:
    """A refused line is repeated, whatever its transaction id is by then, and judged anew for who says so."""
    product_id = str(new_id())
    unknown, reused = (
        entry(line(transaction_id="1", product_id=product_id)),
        entry(line(transaction_id="2", quantity=9)),
    )
    usage.receive(entry(line(transaction_id="2")))
    message = usage.message([unknown, reused])
    assert usage.take(message) == {"not_found": 1, "invalid": 1}
    with usage.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO product (account_id, id, name, type) VALUES (:a, :id, 'late', 'USAGE')"),
            {"a": usage.account_id, "id": product_id},
        )
    assert usage.take(message) == {"not_found": 1, "invalid": 1}
    assert usage.count("usage_line") == 1
    told = usage.receive(unknown, reused, anew_before=usage.instant())
    assert [each.outcome for each in told] == ["created", "invalid"]


def test_the_instant_waits_for_refusals_under_way(intake: Intake) -> None:
    """A refusal that is dated before the instant can be seen by whoever has read it; one that cannot is dated after."""
    rows = [
        {"request_id": str(new_id()), "outcome": "invalid", "errors": [], "more": 0, "existing": None, "reason": None}
        for _ in range(2)
    ]

    def refuse(connection: Any, row: dict[str, Any]) -> None:
        store_outcomes(connection, intake.account_id, [row | {"event": None}], batch_id=None, attempt=1)

    def instant() -> datetime:
        with intake.engine.begin() as connection:
            return read_instant(connection, intake.account_id)

    def is_waiting() -> bool:
        return intake.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != []

    with ThreadPoolExecutor(1) as pool:
        with intake.engine.begin() as late, intake.engine.begin() as first:
            late.execute(text("SELECT now()"))  # its transaction has begun before the instant is read
            refuse(first, rows[0])
            reading = pool.submit(instant)
            wait_for(is_waiting, what="the instant to wait for the refusal")
            first.commit()
            read = reading.result()
            refuse(late, rows[1])
        dates = intake.rows("SELECT decided_at FROM outcome WHERE account_id = :a ORDER BY decided_at")
    assert dates[0][0] < read < dates[1][0]
