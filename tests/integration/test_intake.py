"""Intake against a real database: one outcome each, one commit each."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.conftest import DATA, by_hand
from tests.integration.intake import Intake, entry, settings_of
from trueup.ids import new_id

CASES = [json.loads(line) for line in (DATA / "cases" / "commit-requests.jsonl").read_text().splitlines()]
ACME = "13117714-3f05-48e5-a6e9-a66093f13b4d"
PLATFORM = "f14d6729-6a44-4b13-9908-9387f1918790"
CONTRACT = "3d5b0d2e-7e55-4f3a-9a63-000000000001"


def prepaid(**more: Any) -> dict[str, Any]:
    """A valid PREPAID body."""
    item = {"amount": 1000, "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2026-01-01T00:00:00Z"}
    return {
        "customer_id": ACME,
        "type": "PREPAID",
        "priority": 100,
        "product_id": PLATFORM,
        "access_schedule": {"schedule_items": [item]},
        **more,
    }


def credit(**more: Any) -> dict[str, Any]:
    """A valid body of a credit."""
    body = prepaid(**more)
    del body["type"]
    return body


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives."""
    return Intake(database)


def test_cases(intake: Intake) -> None:
    """Every known request has its outcome, all of them in one envelope."""
    entries = [{"id": str(new_id()), "raw": case["raw"]} if "raw" in case else entry(case["body"]) for case in CASES]
    outcomes = intake.receive(*entries)
    found = [
        (case["id"], o.outcome, sorted({e["code"] for e in o.errors})) for case, o in zip(CASES, outcomes, strict=True)
    ]
    assert found == [(case["id"], case["outcome"], sorted(case["codes"])) for case in CASES]


def test_amounts_are_exact(intake: Intake) -> None:
    """An amount of 30 digits is stored to the last one."""
    amount = "123456789012345678.123456789012"
    body = json.dumps(prepaid()).replace("1000", amount)
    intake.receive({"id": str(new_id()), "raw": body})
    assert intake.rows("SELECT amount FROM segment WHERE account_id = :a") == [(Decimal(amount),)]


def test_what_a_commit_consists_of(intake: Intake) -> None:
    """A commit comes with its segments, its opening entries, its obligations and one event."""
    items = [
        {"amount": 10, "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2025-07-01T00:00:00Z"},
        {"amount": 20, "starting_at": "2025-07-01T00:00:00Z", "ending_before": "2026-01-01T00:00:00Z"},
    ]
    invoices = {
        "schedule_items": [
            {"timestamp": "2025-01-01T00:00:00Z", "amount": 12},
            {"timestamp": "2025-07-01T00:00:00Z", "unit_price": "0.5", "quantity": 36},
        ]
    }
    body = json.dumps(
        prepaid(access_schedule={"schedule_items": items}, invoice_schedule=invoices, invoice_contract_id=CONTRACT)
    )
    intake.receive({"id": str(new_id()), "raw": body.replace('"0.5"', "0.5")})
    entries = intake.rows(
        "SELECT type, amount, effective_at::date::text FROM ledger_entry WHERE account_id = :a ORDER BY seq"
    )
    assert entries == [
        ("PREPAID_COMMIT_SEGMENT_START", 10, "2025-01-01"),
        ("PREPAID_COMMIT_SEGMENT_START", 20, "2025-07-01"),
    ]
    due = intake.rows(
        "SELECT kind, state, unit_price, quantity, amount FROM obligation WHERE account_id = :a ORDER BY position"
    )
    assert due == [
        ("SCHEDULED", "pending", 12, 1, 12),
        ("SCHEDULED", "pending", Decimal("0.5"), 36, 18),
    ]
    assert intake.rows("SELECT event, cardinality(subject_ids) FROM outbox WHERE account_id = :a") == [
        ("commit.created", 1)
    ]


def test_a_true_up_waits_for_the_month_in_which_access_ends(intake: Intake) -> None:
    """A POSTPAID commit's obligation waits for its timestamp, the end of the month of its last hour, and 24 hours."""
    item = {"amount": 10, "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2030-01-01T00:00:00Z"}
    body = prepaid(
        type="POSTPAID",
        access_schedule={"schedule_items": [item]},
        invoice_schedule={"schedule_items": [{"timestamp": "2026-01-01T00:00:00Z", "amount": 10}]},
        invoice_contract_id=CONTRACT,
    )
    intake.receive(entry(body))
    assert intake.rows(
        "SELECT kind, scheduled_at::date::text, due_at::date::text FROM obligation WHERE account_id = :a"
    ) == [("TRUE_UP", "2026-01-01", "2030-01-02")]


def test_redelivery(intake: Intake) -> None:
    """An envelope that is delivered again changes nothing: no second entry, obligation, event or count."""
    entries = [entry(prepaid(uniqueness_key="k")), entry(prepaid()), entry(prepaid(customer_id=str(new_id())))]
    first = intake.receive(*entries)
    before = [intake.count(table) for table in ("commit", "segment", "ledger_entry", "outcome", "outbox")]
    again = intake.receive(*entries, attempt=2)
    assert [o.outcome for o in again] == [o.outcome for o in first] == ["created", "created", "not_found"]
    assert [intake.count(table) for table in ("commit", "segment", "ledger_entry", "outcome", "outbox")] == before


def test_an_id_twice_in_one_envelope(intake: Intake) -> None:
    """The second request with an id is a redelivery of the first."""
    twice = entry(prepaid(uniqueness_key="k"))
    assert [o.outcome for o in intake.receive(twice, twice)] == ["created", "created"]
    assert (intake.count("commit"), intake.count("parked")) == (1, 0)


def test_an_id_with_other_content(intake: Intake) -> None:
    """The newcomer is parked as id_conflict; the commit stays as it is, and its outcome stays created."""
    first = entry(prepaid(name="first"))
    intake.receive(first)
    [outcome] = intake.receive(entry(prepaid(name="second"), request_id=first["id"]))
    assert outcome.outcome == "created"
    assert intake.rows("SELECT name FROM commit WHERE account_id = :a") == [("first",)]
    assert intake.rows("SELECT reason, request_id::text FROM parked WHERE account_id = :a") == [
        ("id_conflict", first["id"])
    ]


def test_a_uniqueness_key_is_used_once(intake: Intake) -> None:
    """The second request with a key is a duplicate that names the first, of commits and credits alike."""
    first = entry(prepaid(uniqueness_key="k"))
    intake.receive(first)
    same, other, of_credit = intake.receive(
        entry(prepaid(uniqueness_key="k")),
        entry(prepaid(uniqueness_key="k", name="other")),
        entry(credit(uniqueness_key="k"), kind="credit"),
    )
    holder = {"id": first["id"], "type": "PREPAID"}
    assert same.outcome == other.outcome == of_credit.outcome == "duplicate"
    assert same.existing == holder | {"same_content": True}
    assert other.existing == of_credit.existing == holder | {"same_content": False}


@pytest.mark.parametrize("other", ["K", "k ", " k", "\u212a", "k\u0301"])
def test_keys_are_compared_exactly(intake: Intake, other: str) -> None:
    """Keys that differ in case, spaces or Unicode form are different keys."""
    assert [
        o.outcome for o in intake.receive(entry(prepaid(uniqueness_key="k")), entry(prepaid(uniqueness_key=other)))
    ] == [
        "created",
        "created",
    ]


def test_the_first_in_the_envelope_wins(intake: Intake) -> None:
    """Of two requests with one key in one envelope the first makes the commit."""
    first, second = entry(prepaid(uniqueness_key="k", name="z")), entry(prepaid(uniqueness_key="k", name="a"))
    assert [o.outcome for o in intake.receive(first, second)] == ["created", "duplicate"]


def test_failed_requests_do_not_use_up_their_key(intake: Intake) -> None:
    """A key that came with a mistake is free for the corrected request."""
    wrong = prepaid(uniqueness_key="k", customer_id=str(new_id()))
    assert [o.outcome for o in intake.receive(entry(wrong), entry(prepaid(uniqueness_key="k")))] == [
        "not_found",
        "created",
    ]


def test_accounts_do_not_meet(database: Engine) -> None:
    """The same id and the same key in another account are another commit."""
    request = entry(prepaid(uniqueness_key="k"))
    assert [Intake(database, name).receive(request)[0].outcome for name in ("one", "two")] == ["created", "created"]


def test_fifty_at_once_with_one_key(intake: Intake) -> None:
    """Fifty concurrent envelopes with one key make one commit and forty-nine duplicates of it."""
    entries = [entry(prepaid(uniqueness_key="k")) for _ in range(50)]
    with ThreadPoolExecutor(12) as pool:
        outcomes = [outcome for [outcome] in pool.map(intake.receive, entries)]
    assert sorted(o.outcome for o in outcomes) == ["created"] + ["duplicate"] * 49
    winner = next(str(o.request_id) for o in outcomes if o.outcome == "created")
    assert {o.existing["id"] for o in outcomes if o.existing} == {winner}
    assert intake.count("commit") == 1


def test_envelopes_that_share_keys_do_not_deadlock(intake: Intake) -> None:
    """Envelopes with the same keys in opposite orders, inserted slowly, all get through without one deadlock."""
    slow = """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
        CREATE TRIGGER slow AFTER INSERT ON commit FOR EACH ROW EXECUTE FUNCTION slow()
    """
    with by_hand(intake.engine) as connection:
        connection.execute(text(slow.replace("AFTER", "BEFORE")))
    keys = [f"key {number}" for number in range(20)]
    envelopes = [[entry(prepaid(uniqueness_key=key)) for key in order] for order in [keys, keys[::-1]] * 3]
    with ThreadPoolExecutor(6) as pool:
        outcomes = [o for outcome in pool.map(lambda entries: intake.receive(*entries), envelopes) for o in outcome]
    assert sum(o.outcome == "created" for o in outcomes) == intake.count("commit") == len(keys)
    assert {o.outcome for o in outcomes} == {"created", "duplicate"}
    with intake.engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()"))
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.execute(text(query)).scalar_one() == 0


def test_open_references(database: Engine) -> None:
    """With open references an unknown id is registered with its first use instead of refused."""
    intake = Intake(database, settings=settings_of(open_references=True))
    customer, product, usage, contract, unit = (str(new_id()) for _ in range(5))
    item = {"amount": 10, "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2026-01-01T00:00:00Z"}
    unknown = prepaid(
        customer_id=customer,
        product_id=product,
        applicable_product_ids=[usage],
        applicable_contract_ids=[contract],
        access_schedule={"credit_type_id": unit, "schedule_items": [item]},
    )
    contradiction = prepaid(customer_id=customer, product_id=usage)
    outcomes = intake.receive(entry(unknown), entry(contradiction), entry(prepaid(product_id=product)))
    assert [o.outcome for o in outcomes] == ["created", "invalid", "created"]
    assert [each["code"] for each in outcomes[1].errors] == ["product_not_fixed"]


def test_the_ledger_is_append_only(intake: Intake) -> None:
    """The database itself refuses to change or delete an entry."""
    intake.receive(entry(prepaid()))
    for statement in ("UPDATE ledger_entry SET amount = 1", "DELETE FROM ledger_entry", "TRUNCATE ledger_entry"):
        with pytest.raises(DBAPIError, match="append-only"), by_hand(intake.engine) as connection:
            connection.execute(text(statement))
