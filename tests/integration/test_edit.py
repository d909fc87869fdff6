"""Scope, order and schedules of commits are edited."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook, entry
from tests.integration.usage_book import FIRST, SECOND, STORAGE, TRAFFIC
from trueup.ids import new_id
from trueup.wire.request.changes import EDIT
from trueup_worker.commit_changes.refusal import ChangeRefused, InvalidChange

JANUARY, FEBRUARY, MARCH = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3))
NEXT_YEAR = datetime(2031, 1, 1, tzinfo=UTC)
RECURRING = {
    "starting_at": "2030-01-01T00:00:00Z",
    "ending_before": "2031-01-01T00:00:00Z",
    "frequency": "QUARTERLY",
    "amount_distribution": "EACH",
    "amount": 250,
}

POSTPAID = {"invoice_schedule": {"schedule_items": [{"timestamp": "2031-01-01T00:00:00Z", "amount": 1000}]}}


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def told(book: ChangeBook, commit_id: Any, **body: Any) -> list[str]:
    """What the rules have against an edit, each as `code path`."""
    with pytest.raises(InvalidChange) as refused:
        book.edit(commit_id, **body)
    return [f"{each.code} {each.path}" for each in refused.value.problems]


def item(amount: float, start: str, end: str) -> dict[str, Any]:
    """An access item, by its days."""
    return {"amount": amount, "starting_at": f"{start}T00:00:00Z", "ending_before": f"{end}T00:00:00Z"}


def test_names_order_and_scope_hold_from_now_on(book: ChangeBook) -> None:
    """Closed months stay as they are; open ones follow. The audit row has what was and what is, and null clears."""
    first = book.request("CREDIT", 100, name="First", priority=1)
    second = book.request("CREDIT", 100, name="Second", priority=2, applicable_product_ids=[str(STORAGE)])
    book.use(JANUARY, "10")
    book.close(JANUARY)
    changed = book.edit(first, priority=3, name=None, description="moved", applicable_product_tags=["gpu"])
    assert (changed.before, changed.after) == (
        {"name": "First", "description": None, "applicable_product_tags": None, "priority": "1"},
        {"name": None, "description": "moved", "applicable_product_tags": ["gpu"], "priority": "3"},
    )
    book.edit(second, applicable_product_ids=None, applicable_contract_ids=[str(FIRST)], product_id=None)
    book.use(FEBRUARY, "20")
    book.close(FEBRUARY)
    assert (book.balance(first), book.balance(second)) == (90, 80)
    book.edit(second, specifiers=None, applicable_product_tags=[])
    row = book.commit_row(second)
    assert (row.applicable_product_ids, row.applicable_contract_ids) == (None, [FIRST])
    assert book.audits() == [("edit_commit", str(first)), ("edit_commit", str(second))]
    assert ("credit.edited", [first]) in book.events()
    assert book.edit(first, priority=3, name=None).after == {}
    assert len(book.audits()) == 2


def test_the_rules_and_codes_are_those_of_creation(book: ChangeBook) -> None:
    """Every problem of the commit as it would be is told at once, at the place in the edit that asks for it."""
    prepaid = book.request(invoice_schedule={"schedule_items": [{"timestamp": "2030-06-01T00:00:00Z", "amount": 5}]})
    credit, postpaid = (
        book.request("CREDIT"),
        book.request(
            "POSTPAID", 100, invoice_schedule={"schedule_items": [{"timestamp": "2031-01-01T00:00:00Z", "amount": 100}]}
        ),
    )
    segment, drafted = str(book.segments(prepaid)[0].id), str(book.obligations(prepaid)[0].id)
    assert told(
        book,
        prepaid,
        specifiers=[{"product_id": str(STORAGE)}, {}],
        applicable_product_ids=[str(STORAGE)],
        access_schedule={
            "add_schedule_items": [item(1, "2030-02-01", "2030-01-01")],
            "update_schedule_items": [{"id": segment, "ending_before": "2029-01-01T00:00:00Z"}],
        },
        invoice_schedule={"update_schedule_items": [{"id": drafted, "amount": 5, "quantity": 2}]},
    ) == [
        "specifiers_exclusive /specifiers",
        "window_inverted /access_schedule/update_schedule_items/0/ending_before",
        "window_inverted /access_schedule/add_schedule_items/0/ending_before",
        "amount_or_unit_price_and_quantity /invoice_schedule/update_schedule_items/0",
        "empty_specifier /specifiers/1",
    ]
    gone = {"access_schedule": {"remove_schedule_items": [{"id": segment}]}}
    assert told(book, prepaid, **gone) == ["empty_schedule /access_schedule/remove_schedule_items"]
    true_up = {"id": str(book.obligations(postpaid)[0].id), "amount": 99}
    assert told(book, postpaid, invoice_schedule={"update_schedule_items": [true_up]}) == [
        "postpaid_totals_differ /invoice_schedule/update_schedule_items/0"
    ]
    assert told(book, credit, invoice_contract_id=str(FIRST)) == ["unknown_field /invoice_contract_id"]
    assert told(book, prepaid, product_id=str(STORAGE), applicable_contract_ids=[str(new_id())]) == [
        "contract_not_found /applicable_contract_ids/0",
        "product_not_fixed /product_id",
    ]
    complimentary = {"add_schedule_items": [{"timestamp": "2030-06-01T00:00:00Z", "amount": 5}]}
    assert told(book, book.request(), invoice_schedule=complimentary) == ["unknown_field /invoice_schedule"]


def test_segments_change_and_their_openings_add_up(book: ChangeBook) -> None:
    """The difference of an amount is booked as another opening entry; a removed segment has amount 0."""
    halves = [item(100, "2030-01-01", "2030-07-01"), item(200, "2030-07-01", "2031-01-01")]
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": halves})
    first, second = (str(row.id) for row in book.segments(commit_id))
    changed = book.edit(
        commit_id,
        access_schedule={
            "update_schedule_items": [{"id": first, "amount": 150.5, "ending_before": "2030-04-01T00:00:00Z"}],
            "remove_schedule_items": [{"id": second}],
            "add_schedule_items": [item(70, "2030-06-01", "2030-08-01")],
        },
    )
    assert [(row.position, row.amount, row.ending_before, row.expires) for row in book.segments(commit_id)] == [
        (0, Decimal("150.5"), datetime(2030, 4, 1, tzinfo=UTC), True),
        (1, Decimal(0), NEXT_YEAR, True),
        (2, Decimal(70), datetime(2030, 8, 1, tzinfo=UTC), True),
    ]
    openings = [amount for kind, amount in book.entries(commit_id)[1:] if kind == "CREDIT_SEGMENT_START"]
    assert openings == [Decimal("50.5"), -200, 70]
    assert len(changed.after["access_schedule"]) == 3
    book.go_to(datetime(2031, 2, 2, tzinfo=UTC))
    assert book.balance(commit_id) == 0
    assert book.differences() == []


def test_an_opening_goes_where_its_segment_goes(book: ChangeBook) -> None:
    """What was booked at the old start is taken back there, and booked at the new one with what the amount is now."""
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": [item(100, "2030-02-01", "2030-04-01")]})
    segment = str(book.segments(commit_id)[0].id)
    changes: list[dict[str, Any]] = [
        {"starting_at": "2030-03-01T00:00:00Z"},
        {"amount": 130},
        {"starting_at": "2030-01-01T00:00:00Z", "amount": 150.5},
    ]
    for change in changes:
        book.edit(commit_id, access_schedule={"update_schedule_items": [{"id": segment, **change}]})
        assert book.differences() == []
    openings = book.rows(
        "SELECT amount, effective_at FROM ledger_entry WHERE commit_id = :id ORDER BY seq", id=commit_id
    )
    assert [(row.amount, row.effective_at) for row in openings] == [
        (100, FEBRUARY),
        (-100, FEBRUARY),
        (100, MARCH),
        (30, MARCH),
        (-130, MARCH),
        (Decimal("150.5"), JANUARY),
    ]


def test_a_segment_keeps_what_was_drawn(book: ChangeBook) -> None:
    """Its amount does not fall below that, its window does not leave the hours that were paid; void first."""
    commit_id = book.request("CREDIT", 100)
    segment = str(book.segments(commit_id)[0].id)
    book.use(datetime(2030, 1, 20, 8, 30, tzinfo=UTC), "30")
    book.close(JANUARY)

    def change(**update: Any) -> Any:
        return book.edit(commit_id, access_schedule={"update_schedule_items": [{"id": segment, **update}]})

    place = "/access_schedule/update_schedule_items/0"
    with pytest.raises(ChangeRefused, match=f"^{place}/amount: 30 of {segment} is drawn"):
        change(amount=29.99)
    with pytest.raises(ChangeRefused, match=f"^{place}/ending_before: must not be earlier than 2030-01-20T09:00:00"):
        change(ending_before="2030-01-20T08:00:00Z")
    with pytest.raises(ChangeRefused, match=f"^{place}/starting_at: must not be later than 2030-01-20T08:00:00"):
        change(starting_at="2030-01-20T09:00:00Z")
    other = {"add_schedule_items": [item(1, "2030-01-01", "2030-02-01")], "remove_schedule_items": [{"id": segment}]}
    with pytest.raises(ChangeRefused, match=r"30 of .* is drawn"):
        book.edit(commit_id, access_schedule=other)
    change(amount=30, starting_at="2030-01-20T08:00:00Z", ending_before="2030-01-20T09:00:00Z")
    assert book.balance(commit_id) == 0
    book.void(book.invoices()[0].id)
    change(amount=1)
    assert book.balance(commit_id) == 1
    assert book.differences() == []


def test_an_expired_segment_stays(book: ChangeBook) -> None:
    """What is over is not revived: an item is added in its place."""
    commit_id = book.request("CREDIT", 100, "2030-02-01")
    segment = str(book.segments(commit_id)[0].id)
    book.close(JANUARY)
    with pytest.raises(ChangeRefused, match="has expired: add an item"):
        book.edit(commit_id, access_schedule={"update_schedule_items": [{"id": segment, "amount": 200}]})
    book.edit(commit_id, access_schedule={"add_schedule_items": [item(5, "2030-02-01", "2030-03-01")]})
    assert book.balance(commit_id) == 5
    assert book.differences() == []


def test_instalments_change_until_they_are_final(book: ChangeBook) -> None:
    """A recurring schedule becomes its items: one changes, one goes, one comes; the final one is refused."""
    commit_id = book.request(invoice_schedule={"recurring_schedule": RECURRING})
    book.work()
    first, second, third, fourth = (str(row.id) for row in book.obligations(commit_id))
    with pytest.raises(ChangeRefused, match=f"^/invoice_schedule/update_schedule_items/0/id: {first} is issued"):
        book.edit(commit_id, invoice_schedule={"update_schedule_items": [{"id": first, "amount": 1}]})
    book.edit(
        commit_id,
        invoice_schedule={
            "update_schedule_items": [
                {"id": second, "unit_price": 12.5, "quantity": 3},
                {"id": third, "timestamp": "2030-03-01T00:00:00.5Z"},
            ],
            "remove_schedule_items": [{"id": fourth}],
            "add_schedule_items": [{"timestamp": "2030-02-01T00:00:00Z", "amount": 7}],
        },
    )
    assert book.commit_row(commit_id).recurring_schedule is None
    book.go_to(datetime(2030, 12, 1, tzinfo=UTC))
    assert [invoice.total for invoice in book.invoices()] == [250, 7, 250, Decimal("37.5")]
    assert [(row.position, row.state, row.suppressed_by) for row in book.obligations(commit_id)] == [
        (0, "issued", None),
        (1, "issued", None),
        (2, "issued", None),
        (3, "suppressed", "removed"),
        (4, "issued", None),
    ]
    for key, why in ((fourth, "no item of this schedule"), (str(new_id()), "no item of this schedule")):
        with pytest.raises(ChangeRefused, match=why):
            book.edit(commit_id, invoice_schedule={"update_schedule_items": [{"id": key, "amount": 1}]})
    assert book.differences() == []


def test_a_promise_is_changed_with_its_true_up(book: ChangeBook) -> None:
    """Amount, end of access and date move together; the true-up waits for the month of the new end."""
    commit_id = book.request(
        "POSTPAID", invoice_schedule={"schedule_items": [{"timestamp": "2030-06-01T00:00:00Z", "amount": 1000}]}
    )
    (segment,), (true_up,) = book.segments(commit_id), book.obligations(commit_id)
    assert true_up.due_at == datetime(2031, 1, 2, tzinfo=UTC)
    book.edit(
        commit_id,
        access_schedule={
            "update_schedule_items": [
                {"id": str(segment.id), "amount": 400, "ending_before": "2030-02-15T00:00:00Z"},
            ]
        },
        invoice_schedule={
            "update_schedule_items": [{"id": str(true_up.id), "amount": 400, "timestamp": "2030-02-10T00:00:00Z"}]
        },
    )
    (true_up,) = book.obligations(commit_id)
    assert (true_up.scheduled_at, true_up.due_at) == (
        datetime(2030, 2, 10, tzinfo=UTC),
        datetime(2030, 3, 2, tzinfo=UTC),
    )
    book.use(JANUARY, "100")
    book.close(FEBRUARY)
    invoice = book.invoices()[-1]
    assert (invoice.total, invoice.issued_at) == (300, datetime(2030, 2, 10, tzinfo=UTC))
    assert book.entries(commit_id)[0] == entry("POSTPAID_COMMIT_INITIAL_BALANCE", "-600")
    update = {"id": str(segment.id), "ending_before": "2030-02-16T00:00:00Z"}
    with pytest.raises(ChangeRefused, match="is issued: void its invoice first"):
        book.edit(commit_id, access_schedule={"update_schedule_items": [update]})
    assert book.differences() == []


def test_a_promise_keeps_its_two_items(book: ChangeBook) -> None:
    """Its access and its true-up change, but none is added, removed or put in another's place."""
    commit_id = book.commit("POSTPAID", "1000", ends=MARCH)
    access = item(1000, "2030-01-01", "2031-01-01")
    invoice = {"timestamp": "2030-03-02T00:00:00Z", "amount": 1000}
    schedules = {
        "access_schedule": (access, str(book.segments(commit_id)[0].id)),
        "invoice_schedule": (invoice, str(book.obligations(commit_id)[0].id)),
    }
    for schedule, (added, present) in schedules.items():
        both = {"add_schedule_items": [added], "remove_schedule_items": [{"id": present}]}
        for change in (both, *({name: items} for name, items in both.items())):
            with pytest.raises(ChangeRefused, match=f"^/{schedule}/{next(iter(change))}: .* update_schedule_items"):
                book.edit(commit_id, **{schedule: change})
    assert (len(book.segments(commit_id)), len(book.obligations(commit_id))) == (1, 1)
    assert book.edit(commit_id, access_schedule={"add_schedule_items": []}).after == {}


def test_a_widened_promise_is_held_until_that_is_released(book: ChangeBook) -> None:
    """Usage that was charged is not billed again by a true-up; a release is of the lines that it names."""
    commit_id = book.commit("POSTPAID", "200", ends=MARCH, applicable_product_ids=[str(STORAGE)])
    book.use(JANUARY, "300")
    book.use(JANUARY, "50", product_id=str(TRAFFIC))
    book.close(JANUARY)
    book.change_promise(commit_id, amount=1000)
    book.close(FEBRUARY)
    assert (book.state(commit_id), book.obligations(commit_id)[0].reason) == ("held", "usage_already_invoiced")
    book.release(commit_id)
    book.edit(commit_id, applicable_product_ids=[str(STORAGE), str(TRAFFIC)])
    book.work()
    assert book.state(commit_id) == "held"
    book.release(commit_id)
    book.work()
    assert (book.state(commit_id), book.invoices()[-1].total) == ("issued", 800)
    assert book.differences() == []


def test_a_void_true_up_is_made_anew_on_new_terms(book: ChangeBook) -> None:
    """Void, edit, regenerate: the successor bills what is promised then."""
    commit_id = book.request(
        "POSTPAID",
        1000,
        "2030-02-01",
        invoice_schedule={"schedule_items": [{"timestamp": "2030-02-01T00:00:00Z", "amount": 1000}]},
    )
    book.close(JANUARY)
    (invoice,) = book.invoices()
    book.void(invoice.id)
    book.edit(
        commit_id,
        access_schedule={"update_schedule_items": [{"id": str(book.segments(commit_id)[0].id), "amount": 800}]},
        invoice_schedule={"update_schedule_items": [{"id": str(invoice.id), "amount": 800}]},
    )
    book.regenerate(invoice.id)
    book.work()
    assert [each.total for each in book.invoices()] == [1000, 800]
    assert book.differences() == []


def test_who_cannot_be_edited(book: ChangeBook) -> None:
    """An archived commit, another customer's, another body's; an item named twice or unknown."""
    commit_id, archived = book.request("CREDIT"), book.request("CREDIT")
    segment = str(book.segments(commit_id)[0].id)
    book.archive(archived)
    with pytest.raises(ChangeRefused, match="is archived"):
        book.edit(archived, priority=1)
    with pytest.raises(ChangeRefused, match=r"^/credit_id: the body is for"):
        book.edit(commit_id, credit_id=str(archived))
    twice = {"update_schedule_items": [{"id": segment}], "remove_schedule_items": [{"id": segment}]}
    with pytest.raises(ChangeRefused, match="named twice"):
        book.edit(commit_id, access_schedule=twice)
    with pytest.raises(ChangeRefused, match="no item of this schedule"):
        book.edit(commit_id, access_schedule={"remove_schedule_items": [{"id": str(new_id())}]})
    assert book.edit(commit_id, credit_id=str(commit_id), access_schedule={}).after == {}


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"priority": "1"}, ["not_a_number /priority"]),
        ({"colour": "red", "name": ""}, ["too_short /name", "unknown_field /colour"]),
        ({"rate_type": "LIST"}, ["not_an_enum_value /rate_type"]),
        (
            {"access_schedule": {"update_schedule_items": [{"amount": 0, "starting_at": "2030-01-01T00:30:00Z"}]}},
            [
                "missing /access_schedule/update_schedule_items/0/id",
                "amount_not_positive /access_schedule/update_schedule_items/0/amount",
                "not_hour_aligned /access_schedule/update_schedule_items/0/starting_at",
            ],
        ),
        ([], ["not_an_object "]),
    ],
)
def test_fields_are_judged_as_in_a_request(body: Any, problems: list[str]) -> None:
    """An edit's values have the types and codes of a request's."""
    read = EDIT.read(json.dumps(body))
    assert isinstance(read, list)
    assert sorted(f"{each.code} {each.path}" for each in read) == sorted(problems)


@pytest.mark.parametrize(
    ("made", "edited"),
    [
        ({}, {"applicable_contract_ids": [str(FIRST)]}),
        ({"applicable_contract_ids": [str(FIRST)]}, {"applicable_contract_ids": [str(FIRST), str(SECOND)]}),
        ({"applicable_contract_ids": [str(FIRST)]}, {"applicable_contract_ids": None}),
        ({}, {"invoice_contract_id": str(SECOND)}),
    ],
    ids=["one of all", "one more", "all", "where it is invoiced"],
)
def test_the_contracts_of_a_postpaid_commit_stay(
    book: ChangeBook, made: dict[str, Any], edited: dict[str, Any]
) -> None:
    """Which contracts' usage it covers, and where it is invoiced; what says the same as before is no change of them."""
    commit_id = book.request("POSTPAID", **POSTPAID, **made)
    (name,) = edited
    with pytest.raises(ChangeRefused, match=f"^/{name}: .*another commit"):
        book.edit(commit_id, name="renamed", **edited)
    same = {"applicable_contract_ids": made.get("applicable_contract_ids"), "invoice_contract_id": str(FIRST)}
    assert book.edit(commit_id, name="renamed", **same).after == {"name": "renamed"}
    assert book.audits() == [("edit_commit", str(commit_id))]
