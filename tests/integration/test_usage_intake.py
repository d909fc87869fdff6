"""Usage intake against a real database: each line once, in its month or late."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tests.bodies import CONTRACT, CUSTOMER, EUR, PRODUCT
from tests.integration.intake import Entry, Intake, entry, settings_of
from tests.integration.test_intake import prepaid
from tests.unit.wire.test_usage import GPU, NOBODY, STRANGER, STRANGERS_CONTRACT, line
from trueup.ids import new_id
from trueup.store.requests.outcomes import count_outcomes
from trueup.store.usage import lines as usage_list
from trueup.store.usage.lines import list_usage
from trueup.store.usage.months import claim_month
from trueup.wire.message.names import TASK_RECORD
from trueup.wire.outcome import Outcome
from trueup_worker.reporting.reconcile import reconcile

FEBRUARY = datetime(2025, 2, 1, tzinfo=UTC)


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives usage."""
    return Intake(database, task=TASK_RECORD)


def used(number: int = 1, *, request_id: Any = None, **changes: Any) -> Entry:
    """A request with the line of that number."""
    return entry(line(transaction_id=f"t-{number}", **changes), request_id=request_id)


def close(connection: Connection, account_id: int, *, before: datetime, customer_id: str = CUSTOMER) -> None:
    """What whoever closes months does to the customer and the work list, in that order of locks."""
    which = {"a": account_id, "c": customer_id, "before": before}
    for statement in (
        "SELECT FROM usage_month WHERE account_id = :a AND customer_id = :c AND starting_at < :before FOR UPDATE",
        "SELECT FROM customer WHERE account_id = :a AND id = :c FOR NO KEY UPDATE",
        "UPDATE customer SET usage_closed_before = :before WHERE account_id = :a AND id = :c",
        "DELETE FROM usage_month WHERE account_id = :a AND customer_id = :c AND starting_at < :before",
    ):
        connection.execute(text(statement), which)


def months(intake: Intake) -> list[tuple[str, str]]:
    """Customers and starts of the months that are to be closed."""
    found = intake.rows(
        "SELECT customer_id::text, starting_at FROM usage_month WHERE account_id = :a ORDER BY starting_at, 1"
    )
    return [(row[0], f"{row[1]:%Y-%m-%d}") for row in found]


def codes(outcome: Outcome) -> list[str]:
    """Verdict, then `code path` of each problem."""
    return [outcome.outcome, *(f"{error['code']} {error['path']}" for error in outcome.errors)]


def test_what_a_line_is_stored_as(intake: Intake) -> None:
    """Every digit and every default is kept, and its month is to be closed."""
    body = json.dumps(line(pricing_group_values={"region": "eu"})).replace("150", "123456789012345.123456789012")
    request = {"id": str(new_id()), "raw": body}
    [outcome] = intake.receive(request, batch_id=str(new_id()))
    assert (outcome.outcome, outcome.existing, outcome.attempt) == ("created", None, 1)
    with intake.engine.connect() as connection:
        [stored] = list_usage(connection, intake.account_id, limit=10)
    assert (stored.transaction_id, stored.list_price) == ("t-1", Decimal("123456789012345.123456789012"))
    assert stored.commit_price == stored.list_price
    assert stored.timestamp == datetime(2025, 1, 15, 12, 34, 56, 789000, tzinfo=UTC)
    assert (stored.pricing_group_values, stored.presentation_group_values) == ({"region": "eu"}, None)
    assert (stored.customer, stored.product, stored.is_late) == ("Acme", "GPU hours", False)
    assert months(intake) == [(CUSTOMER, "2025-01-01")]
    assert [intake.count(table) for table in ("outcome", "outbox", "intake", "delivery")] == [0, 0, 0, 0]


def test_bad_lines(intake: Intake) -> None:
    """Each wrong line gets its own outcome, and its neighbour is stored."""
    entries = [
        used(1, customer_id=NOBODY),
        used(2, contract_id=STRANGERS_CONTRACT),
        used(3, product_id=PRODUCT),
        used(4, timestamp="2023-12-31T23:59:59Z"),
        used(5, credit_type_id=NOBODY, product_id=NOBODY),
        used(6, quantity=-1),
        {"id": str(new_id()), "raw": json.dumps(line()).replace('"quantity": 2', '"quantity": NaN')},
        used(7),
        used(8, timestamp="9998-12-31T23:59:59Z"),
    ]
    assert [codes(outcome) for outcome in intake.receive(*entries)] == [
        ["not_found", "customer_not_found /customer_id"],
        ["not_found", "contract_not_found /contract_id"],
        ["invalid", "product_is_fixed /product_id"],
        ["invalid", "outside_contract /timestamp"],
        ["not_found", "product_not_found /product_id", "unit_not_found /credit_type_id"],
        ["invalid", "negative /quantity"],
        ["invalid", "json_invalid "],
        ["created"],
        ["created"],
    ]
    assert intake.count("usage_line") == 2
    assert months(intake) == [(CUSTOMER, "2025-01-01"), (CUSTOMER, "9998-12-01")]


def test_redelivery(intake: Intake) -> None:
    """An envelope that is delivered again changes nothing."""
    entries = [used(1), used(2), used(3, customer_id=NOBODY)]
    tables = ("usage_line", "usage_month", "outcome", "outbox", "parked")
    first = intake.receive(*entries)
    before = [intake.count(table) for table in tables]
    again = intake.receive(*entries, attempt=2)
    assert [o.outcome for o in again] == [o.outcome for o in first] == ["created", "created", "not_found"]
    assert [intake.count(table) for table in tables] == before == [2, 1, 1, 0, 0]


def test_a_repeat_is_accepted_silently(intake: Intake) -> None:
    """The same line under another request is created without effect, for ever, and names the first."""
    first, repeat = used(), used(timestamp="2025-01-15T13:34:56.789+01:00", commit_price=150)
    intake.receive(first)
    [outcome] = intake.receive(repeat)
    assert (outcome.outcome, outcome.errors) == ("created", ())
    assert outcome.existing == {"id": first["id"], "type": "USAGE", "same_content": True}
    assert intake.receive(repeat, attempt=2)[0].existing == outcome.existing
    assert (intake.count("usage_line"), intake.count("outcome")) == (1, 1)


def test_a_transaction_id_with_other_content(intake: Intake) -> None:
    """It is refused and names the first, whose content stays; corrected, and judged anew, it is created."""
    first, other = used(), used(quantity=3)
    intake.receive(first)
    [outcome] = intake.receive(other)
    assert codes(outcome) == ["invalid", "transaction_id_reused /transaction_id"]
    assert outcome.existing == {"id": first["id"], "type": "USAGE", "same_content": False}
    assert intake.rows("SELECT quantity FROM usage_line WHERE account_id = :a") == [(2,)]
    corrected = used(2, quantity=3, request_id=other["id"])
    assert [o.outcome for o in intake.receive(corrected, anew_before=intake.instant())] == ["created"]


def test_twice_in_one_envelope(intake: Intake) -> None:
    """The first line with a transaction id wins, whatever the ids of the requests."""
    entries = [used(9, quantity=5), used(1), used(9, quantity=5), used(9)]
    entries[3]["id"] = "00000000-0000-7000-8000-000000000000"
    outcomes = intake.receive(*entries)
    assert [o.outcome for o in outcomes] == ["created", "created", "created", "invalid"]
    assert [o.existing is None for o in outcomes] == [True, True, False, False]
    assert intake.rows("SELECT quantity FROM usage_line WHERE account_id = :a ORDER BY transaction_id") == [(2,), (5,)]


def test_a_request_id_twice_in_one_envelope(intake: Intake) -> None:
    """The second is a redelivery of the first; with other content it is parked, with a mistake it is created."""
    one, two, three = used(1), used(2), used(3, product_id=NOBODY)
    entries = [one, one, two, {**two, "body": line(transaction_id="t-9")}, used(3, request_id=three["id"]), three]
    entries += [used(4, quantity=-1), used(4, quantity=-2, request_id=three["id"])]
    outcomes = intake.receive(*entries)
    assert [o.outcome for o in outcomes] == ["created"] * 6 + ["invalid", "created"]
    assert intake.count("usage_line") == 3
    assert intake.rows("SELECT reason, request_id::text FROM parked WHERE account_id = :a") == [
        ("id_conflict", two["id"])
    ]


def test_a_request_id_twice_that_has_no_line(intake: Intake) -> None:
    """Of repeats under one id the first decides: the same is told the same, other content is parked."""
    intake.receive(used(1), used(2))
    accepted, refused = used(1), used(2, quantity=9)
    outcomes = intake.receive(accepted, refused, accepted, refused, used(3, request_id=accepted["id"]))
    assert [o.outcome for o in outcomes] == ["created", "invalid", "created", "invalid", "created"]
    assert intake.rows("SELECT reason, request_id::text FROM parked WHERE account_id = :a") == [
        ("id_conflict", accepted["id"])
    ]
    assert (intake.count("usage_line"), intake.count("outcome")) == (2, 2)


def test_two_refusals_of_one_request_id(intake: Intake) -> None:
    """The first mistake under an id is its outcome, until it is to be judged anew."""
    [first] = intake.receive(used(1, quantity=-1), batch_id=str(new_id()))
    request_id = str(first.request_id)
    other = used(1, list_price=-1, request_id=request_id), used(1, quantity=-1, request_id=request_id)
    assert codes(intake.receive(*other)[0]) == ["invalid", "negative /quantity"]
    assert codes(intake.receive(*other, anew_before=intake.instant())[0]) == ["invalid", "negative /list_price"]


def test_an_id_with_other_content(intake: Intake) -> None:
    """The newcomer is parked as id_conflict; the line, and its outcome, stay as they are."""
    first = used(1)
    intake.receive(first)
    [outcome] = intake.receive(used(2, request_id=first["id"]))
    assert (outcome.outcome, intake.count("usage_line")) == ("created", 1)
    assert intake.rows("SELECT reason, task FROM parked WHERE account_id = :a") == [("id_conflict", TASK_RECORD)]


def test_late_usage(intake: Intake) -> None:
    """A line before the watermark is kept as late and opens no month; the next month takes lines."""
    with intake.engine.begin() as connection:
        close(connection, intake.account_id, before=FEBRUARY)
    intake.receive(
        used(1, timestamp="2025-01-31T23:59:59.999999Z"),
        used(2, timestamp="2025-02-01T00:00:00Z"),
        used(3, customer_id=STRANGER, contract_id=STRANGERS_CONTRACT),
    )
    with intake.engine.connect() as connection:
        late = list_usage(connection, intake.account_id, limit=9, late_only=True)
    assert [each.transaction_id for each in late] == ["t-1"]
    told = "SELECT subject_ids FROM outbox WHERE account_id = :a AND event = 'usage.late'"
    assert intake.rows(told) == [([each.id for each in late],)]
    assert months(intake) == [(STRANGER, "2025-01-01"), (CUSTOMER, "2025-02-01")]


def settling(intake: Intake) -> list[float | None]:
    """For how many more seconds the open months settle, oldest first."""
    found = intake.rows(
        "SELECT extract(epoch FROM settles_at - now())::float FROM usage_month WHERE account_id = :a "
        "ORDER BY starting_at"
    )
    return [row[0] for row in found]


def test_a_month_that_is_over_settles_first(intake: Intake) -> None:
    """Usage of a month that is over waits for the rest of its file; another month has nothing to wait for."""
    intake.receive(used(1, timestamp="2025-01-10T00:00:00Z"), used(2, timestamp="2031-01-10T00:00:00Z"))
    past, to_come = settling(intake)
    assert past is not None
    assert 50 < past <= 60
    assert to_come is None
    with intake.engine.begin() as connection:
        assert claim_month(connection, intake.account_id, usage_grace_h=24) is None


def test_more_lines_put_the_closing_off(intake: Intake) -> None:
    """A line that comes when half the time is over starts it anew; one that comes at once does not touch the month."""
    for number, left_s in enumerate((59.0, 20.0)):
        intake.receive(used(number))
        with intake.engine.begin() as connection:
            connection.execute(
                text("UPDATE usage_month SET settles_at = now() + make_interval(secs => :s)"), {"s": left_s}
            )
        before = intake.rows("SELECT settles_at FROM usage_month WHERE account_id = :a")
        intake.receive(used(10 + number))
        assert (intake.rows("SELECT settles_at FROM usage_month WHERE account_id = :a") == before) == (left_s > 30)


def test_the_closing_is_put_off_for_a_day_at_most(intake: Intake) -> None:
    """A day after a month was opened its closing stays where it is, whatever comes."""
    intake.receive(used(1))
    opened = "UPDATE usage_month SET settles_at = now(), opened_at = now() - make_interval(hours => 24, secs => :left)"
    for number, left_s in enumerate((-10, 0), 2):
        with intake.engine.begin() as connection:
            connection.execute(text(opened), {"left": left_s})
        intake.receive(used(number))
        (seconds,) = settling(intake)
        assert seconds is not None
        assert -left_s - 5 < seconds <= -left_s


def test_a_month_that_is_being_closed_is_not_put_off(intake: Intake) -> None:
    """Whoever closes it holds the row and waits for the customer: intake goes on, and its line is in the month."""
    intake.receive(used(1))
    with intake.engine.begin() as connection:
        connection.execute(text("UPDATE usage_month SET settles_at = now() - interval '1 second'"))
    with intake.engine.begin() as connection:
        assert claim_month(connection, intake.account_id, usage_grace_h=24) is not None
        assert [o.outcome for o in intake.receive(used(2))] == ["created"]
    assert intake.rows("SELECT bool_or(is_late) FROM usage_line WHERE account_id = :a") == [(False,)]


def test_a_repeat_of_a_late_line(intake: Intake) -> None:
    """A line that came in time stays in time when it is repeated after its month was closed."""
    intake.receive(used())
    with intake.engine.begin() as connection:
        close(connection, intake.account_id, before=FEBRUARY)
    assert [o.outcome for o in intake.receive(used())] == ["created"]
    assert intake.rows("SELECT is_late FROM usage_line WHERE account_id = :a") == [(False,)]
    assert months(intake) == []


def waiting(pool: ThreadPoolExecutor, intake: Intake, *entries: Entry) -> Future[list[Outcome]]:
    """Receives in another thread, and returns once that waits for a lock."""
    received = pool.submit(intake.receive, *entries)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not intake.rows(f"{query} AND CAST(:a AS integer) IS NOT NULL")[0][0]:
        assert not received.done(), received.result()
    return received


def test_a_line_that_waits_for_a_closing_is_late(intake: Intake) -> None:
    """Intake waits for whoever closes the month, and then knows that it is closed."""
    intake.receive(used(1))
    with ThreadPoolExecutor(1) as pool:
        with intake.engine.begin() as closing:
            close(closing, intake.account_id, before=FEBRUARY)
            received = waiting(pool, intake, used(2))
        assert [o.outcome for o in received.result()] == ["created"]
    assert intake.rows("SELECT is_late FROM usage_line WHERE account_id = :a ORDER BY transaction_id") == [
        (False,),
        (True,),
    ]
    assert months(intake) == []


def test_a_line_that_waits_for_a_closing_that_fails_is_in_time(intake: Intake) -> None:
    """When the closing is taken back, the line counts in its month."""
    intake.receive(used(1))
    with ThreadPoolExecutor(1) as pool:
        with intake.engine.connect() as closing, closing.begin() as taken_back:
            close(closing, intake.account_id, before=FEBRUARY)
            received = waiting(pool, intake, used(2))
            taken_back.rollback()
        assert [o.outcome for o in received.result()] == ["created"]
    assert intake.rows("SELECT bool_or(is_late) FROM usage_line WHERE account_id = :a") == [(False,)]
    assert months(intake) == [(CUSTOMER, "2025-01-01")]


def test_envelopes_and_closings_do_not_deadlock(intake: Intake) -> None:
    """Envelopes that share lines, customers and months in opposite orders, beside closings, meet no deadlock."""
    of_acme = [used(n, timestamp=f"2025-{n % 12 + 1:02}-01T00:00:00Z") for n in range(60)]
    stranger = {"customer_id": STRANGER, "contract_id": STRANGERS_CONTRACT}
    of_stranger = [used(n, timestamp=f"2025-{n % 12 + 1:02}-01T00:00:00Z", **stranger) for n in range(60, 120)]
    lines = of_acme + of_stranger

    def work(number: int) -> None:
        if number % 4 == 3:
            customer_id = CUSTOMER if number % 8 == 3 else STRANGER
            with intake.engine.begin() as connection:
                close(
                    connection,
                    intake.account_id,
                    before=datetime(2024, 1 + number, 1, tzinfo=UTC),
                    customer_id=customer_id,
                )
        else:
            again = [{**each, "id": str(new_id())} for each in lines]
            intake.receive(*(again if number % 2 else again[::-1]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    assert intake.count("usage_line") == 120
    [(deadlocks,)] = intake.rows(
        "SELECT deadlocks FROM pg_stat_database, pg_stat_force_next_flush() "
        " WHERE datname = current_database() AND CAST(:a AS integer) IS NOT NULL"
    )
    assert deadlocks == 0


def test_fifty_at_once_with_one_transaction_id(intake: Intake) -> None:
    """Fifty concurrent envelopes with one line make one; forty-nine name it."""
    entries = [used() for _ in range(50)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for [outcome] in pool.map(intake.receive, entries)]
    assert {o.outcome for o in outcomes} == {"created"}
    [winner] = [str(o.request_id) for o in outcomes if o.existing is None]
    assert {o.existing["id"] for o in outcomes if o.existing} == {winner}
    assert (intake.count("usage_line"), intake.count("outcome")) == (1, 49)


def test_every_request_counts_once(intake: Intake) -> None:
    """Of a batch each row has exactly one outcome, however often it came, and whatever it was at first."""
    batch_id, wrong = new_id(), used(4, product_id=NOBODY)
    intake.receive(used(0))
    entries = [used(0), used(1), used(1, quantity=9), wrong]
    for _ in range(2):
        intake.receive(*entries, batch_id=str(batch_id))
    entries[3] = used(4, request_id=wrong["id"])
    intake.receive(*entries, batch_id=str(batch_id), anew_before=intake.instant())
    with intake.engine.begin() as connection:
        counts = count_outcomes(connection, intake.account_id, batch_id)
        connection.execute(
            text(
                "INSERT INTO batch (account_id, id, source, content_sha256, kind, rows) "
                "VALUES (:a, :b, 'usage.jsonl', '', 'usage', 4)"
            ),
            {"a": intake.account_id, "b": batch_id},
        )
        assert reconcile(connection, intake.account_id) == []
    assert {verdict: n for verdict, n in counts.items() if n} == {"created": 3, "invalid": 1}


def test_open_references(database: Engine) -> None:
    """With open references an unknown id is registered with its first use; a product as USAGE."""
    intake = Intake(database, settings=settings_of(open_references=True), task=TASK_RECORD)
    customer, contract, product, unit = (str(new_id()) for _ in range(4))
    unknown = {"customer_id": customer, "contract_id": contract, "product_id": product, "credit_type_id": unit}
    outcomes = intake.receive(used(1, **unknown), used(2, contract_id=contract), used(3, product_id=PRODUCT))
    assert [codes(outcome) for outcome in outcomes] == [
        ["created"],
        ["not_found", "contract_not_found /contract_id"],
        ["invalid", "product_is_fixed /product_id"],
    ]
    assert intake.rows(f"SELECT type FROM product WHERE account_id = :a AND id = '{product}'") == [("USAGE",)]


def test_accounts_do_not_meet(database: Engine) -> None:
    """The same request and the same transaction id in another account are another line."""
    request = used()
    made = [Intake(database, name, task=TASK_RECORD).receive(request)[0] for name in ("one", "two")]
    assert [o.existing for o in made] == [None, None]


def test_what_is_used_is_not_what_is_committed(intake: Intake) -> None:
    """A commit sent as usage, and the other way round, is invalid; EUR is another unit."""
    assert codes(intake.receive(entry(prepaid()))[0])[0] == "invalid"
    assert [o.outcome for o in intake.receive(used(1, credit_type_id=EUR), used(2, product_id=GPU))] == ["created"] * 2
    intake.task = "commits.create"
    assert codes(intake.receive(used(3))[0])[0] == "invalid"


def test_lists(intake: Intake) -> None:
    """Lines are listed in the order of their requests' ids, page by page, of a customer and a contract if wished."""
    stranger = {"customer_id": STRANGER, "contract_id": STRANGERS_CONTRACT}
    entries = [used(number, **(stranger if number % 2 else {})) for number in range(6)]
    intake.receive(*entries)
    with intake.engine.connect() as connection:
        listed = partial(list_usage, connection, intake.account_id, limit=2)
        first = listed()
        second = listed(after=first[-1].id, customer_id=CUSTOMER)
        assert [each.transaction_id for each in first + second] == ["t-0", "t-1", "t-2", "t-4"]
        assert [each.transaction_id for each in listed(contract_id=STRANGERS_CONTRACT)] == ["t-1", "t-3"]
        assert listed(customer_id=STRANGER, contract_id=CONTRACT) == listed(late_only=True) == []


def test_few_lines_of_many_are_found(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are the same whether a customer's lines are met on the way through all of them or looked up."""
    stranger = {"customer_id": STRANGER, "contract_id": STRANGERS_CONTRACT}
    intake.receive(*(used(number, **({} if number in {0, 7, 9} else stranger)) for number in range(10)))
    with intake.engine.connect() as connection:
        for tried in (1, 4, 2_000):
            monkeypatch.setattr(usage_list, "_TRIED_LINES", tried)
            for chosen in ({"customer_id": CUSTOMER}, {"contract_id": CONTRACT}):
                first = list_usage(connection, intake.account_id, limit=2, **chosen)
                rest = list_usage(connection, intake.account_id, limit=2, after=first[-1].id, **chosen)
                assert [each.transaction_id for each in first + rest] == ["t-0", "t-7", "t-9"]
