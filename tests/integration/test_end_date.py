"""Access and invoicing end earlier than agreed."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook, entry
from trueup.ids import new_id
from trueup.wire.request.changes import END_DATE
from trueup_worker.commit_changes.refusal import ChangeRefused
from trueup_worker.invoicing.adjust import UnknownCommit

JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
QUARTERS = [
    {"amount": 100, "starting_at": f"2030-{first}-01T00:00:00Z", "ending_before": f"{end}-01T00:00:00Z"}
    for first, end in (("01", "2030-04"), ("04", "2030-07"), ("07", "2030-10"), ("10", "2031-01"))
]
INSTALMENTS = [{"timestamp": f"2030-{month}-01T00:00:00Z", "amount": 100} for month in ("01", "04", "07")]


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def test_segments_end_earlier_and_the_rest_expires(book: ChangeBook) -> None:
    """The one that runs is cut, those to come end before they begin; what is left expires at that date."""
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": QUARTERS})
    changed = book.end(commit_id, access_ending_before="2030-05-01T12:00:00Z")
    assert [row.ending_before for row in book.segments(commit_id)] == [
        APRIL,
        *[datetime(2030, 5, 1, 12, tzinfo=UTC)] * 3,
    ]
    assert len(changed.after["access_schedule"]) == 3
    assert book.balance(commit_id) == 400
    book.use(datetime(2030, 5, 1, 11, 59, tzinfo=UTC), "30")
    book.use(datetime(2030, 5, 1, 12, 0, tzinfo=UTC), "7")
    book.use(datetime(2030, 8, 1, tzinfo=UTC), "5")
    book.go_to(datetime(2031, 2, 2, tzinfo=UTC))
    assert [invoice.total for invoice in book.invoices()] == [7, 5]
    assert book.balance(commit_id) == 0
    assert [amount for kind, amount in book.entries(commit_id) if kind == "CREDIT_EXPIRATION"] == [
        -100,
        -70,
        -100,
        -100,
    ]
    assert book.differences() == []


def test_invoices_end_without_access(book: ChangeBook) -> None:
    """Drafts at or after the date are dropped, finalized ones stay, and access stays as it was."""
    commit_id = book.request(invoice_schedule={"schedule_items": INSTALMENTS})
    book.work()
    book.end(commit_id, invoices_ending_before="2030-04-01T00:00:00Z")
    assert [(row.state, row.suppressed_by, row.reason) for row in book.obligations(commit_id)] == [
        ("issued", None, None),
        ("suppressed", "invoices_ended", "invoices_ended"),
        ("suppressed", "invoices_ended", "invoices_ended"),
    ]
    book.go_to(datetime(2030, 12, 1, tzinfo=UTC))
    assert (len(book.invoices()), book.balance(commit_id)) == (1, 1000)
    assert book.audits() == [("end_commit", str(commit_id))]
    assert ("commit.edited", [commit_id]) in book.events()
    assert book.differences() == []


def test_what_is_void_is_not_invoiced_after_the_end(book: ChangeBook) -> None:
    """An instalment that is void when its date is dropped is made anew without an invoice."""
    commit_id = book.request(invoice_schedule={"schedule_items": INSTALMENTS})
    book.go_to(datetime(2030, 12, 1, tzinfo=UTC))
    last = book.invoices()[-1].id
    book.void(last)
    book.end(commit_id, invoices_ending_before="2030-04-01T00:00:00Z")
    book.regenerate(last)
    book.work()
    assert [invoice.status for invoice in book.invoices()] == ["FINALIZED", "FINALIZED", "VOID"]
    assert (book.obligations(commit_id)[-1].state, book.obligations(commit_id)[-1].reason) == (
        "suppressed",
        "invoices_ended",
    )
    assert book.differences() == []


def test_access_ends_without_invoices(book: ChangeBook) -> None:
    """What was agreed to be paid is paid, although access ends."""
    commit_id = book.request(invoice_schedule={"schedule_items": INSTALMENTS})
    book.end(commit_id, access_ending_before="2030-02-01T00:00:00Z")
    book.go_to(datetime(2030, 12, 1, tzinfo=UTC))
    assert [invoice.total for invoice in book.invoices()] == [100, 100, 100]
    assert book.entries(commit_id) == [entry("PREPAID_COMMIT_EXPIRATION", "-1000")]


def test_the_true_up_of_a_commit_is_an_invoice_too(book: ChangeBook) -> None:
    """`invoices_ending_before` drops it; usage draws on until access ends, and the rest expires then."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.end(commit_id, invoices_ending_before="2030-02-01T00:00:00Z")
    assert book.state(commit_id) == "pending"
    book.use(JANUARY, "250")
    book.close(JANUARY)
    assert book.state(commit_id) == "suppressed"
    assert book.entries(commit_id)[1:] == [entry("POSTPAID_COMMIT_EXPIRATION", "-750")]
    assert book.differences() == []


@pytest.mark.parametrize(
    "body",
    [{}, {"access_ending_before": "2031-01-01T00:00:00Z"}, {"invoices_ending_before": "2030-08-01T00:00:00Z"}],
    ids=["absent", "equal", "later than the last invoice"],
)
def test_nothing_to_end_is_a_success_without_change(book: ChangeBook, body: dict[str, str]) -> None:
    """No audit row and no event tell of what did not happen."""
    commit_id = book.request(invoice_schedule={"schedule_items": INSTALMENTS})
    assert book.end(commit_id, **body).after == {}
    assert (book.audits(), book.events()) == ([], [])


def test_the_same_end_twice_changes_once(book: ChangeBook) -> None:
    """A repeated call finds nothing to do."""
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": QUARTERS})
    ends = {"access_ending_before": "2030-05-01T00:00:00Z", "invoices_ending_before": "2030-05-01T00:00:00Z"}
    assert book.end(commit_id, **ends).after != {}
    assert book.end(commit_id, **ends).after == {}
    assert len(book.audits()) == 1


def test_access_is_not_prolonged(book: ChangeBook) -> None:
    """Later than the end that is set now is refused, also after an earlier end date."""
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": QUARTERS})
    with pytest.raises(ChangeRefused, match=r"^/access_ending_before: access ends at 2031-01-01"):
        book.end(commit_id, access_ending_before="2031-01-01T01:00:00Z")
    book.end(commit_id, access_ending_before="2030-05-01T00:00:00Z")
    with pytest.raises(ChangeRefused, match="access ends at 2030-05-01"):
        book.end(commit_id, access_ending_before="2030-06-01T00:00:00Z")


def test_access_does_not_end_before_closed_usage(book: ChangeBook) -> None:
    """Not before the hour in which a closed month drew last; once that invoice is void, it may."""
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": QUARTERS})
    book.use(datetime(2030, 1, 20, 8, 30, tzinfo=UTC), "30")
    book.close(JANUARY)
    with pytest.raises(ChangeRefused, match="usage until 2030-01-20T09:00:00"):
        book.end(commit_id, access_ending_before="2030-01-20T08:00:00Z")
    (invoice,) = book.invoices()
    book.void(invoice.id)
    book.end(commit_id, access_ending_before="2030-01-20T08:00:00Z")
    book.regenerate(invoice.id)
    assert book.invoices()[-1].total == Decimal(30)
    assert book.differences() == []


def test_access_may_end_in_the_past_where_nothing_was_drawn(book: ChangeBook) -> None:
    """From the hour of the last draw on, also within a month that is closed; what has expired stays as it is."""
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": QUARTERS})
    book.use(datetime(2030, 1, 20, 8, 30, tzinfo=UTC), "30")
    book.close(MARCH)
    book.end(commit_id, access_ending_before="2030-01-20T09:00:00Z")
    assert [row.ending_before for row in book.segments(commit_id)] == [
        APRIL,
        *[datetime(2030, 1, 20, 9, tzinfo=UTC)] * 3,
    ]
    assert [row.expires for row in book.segments(commit_id)] == [False, True, True, True]


def test_who_cannot_be_ended(book: ChangeBook) -> None:
    """The access of a POSTPAID commit, an archived commit, one that is not there, or another customer's."""
    postpaid, archived = book.commit("POSTPAID", "10"), book.request("CREDIT")
    book.archive(archived)
    with pytest.raises(ChangeRefused, match="POSTPAID"):
        book.end(postpaid, access_ending_before="2030-02-01T00:00:00Z")
    with pytest.raises(ChangeRefused, match="archived"):
        book.end(archived, access_ending_before="2030-02-01T00:00:00Z")
    with pytest.raises(UnknownCommit):
        book.end(new_id())
    with pytest.raises(UnknownCommit, match="has no commit"):
        book.end(postpaid, customer_id=str(new_id()))
    with pytest.raises(ChangeRefused, match=r"^/commit_id"):
        book.end(postpaid, commit_id=str(new_id()))


@pytest.mark.parametrize(
    ("value", "code"),
    [("2030-02-01T00:30:00Z", "not_hour_aligned"), ("2030-02-01", "not_a_timestamp"), (5, "not_a_timestamp")],
)
def test_the_body_is_judged_as_a_request_is(value: object, code: str) -> None:
    """Access ends on a whole hour; the codes are those of the request."""
    read = END_DATE.read(json.dumps({"access_ending_before": value}))
    assert isinstance(read, list)
    assert [(each.path, each.code) for each in read] == [("/access_ending_before", code)]
