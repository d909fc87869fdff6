"""Batches are taken back: closed first, then what they made and nothing came of is archived."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.integration.change_book import ChangeBook
from tests.integration.intake import Entry, Intake, entry
from tests.integration.test_intake import ACME, prepaid
from trueup.ids import new_id, row_id
from trueup.store.postgres.engine import transaction
from trueup.store.requests.batch_undo import begin_undo
from trueup.store.requests.batches import Batch, BatchUndone, open_batch
from trueup.store.requests.closed_batches import closed_since
from trueup_worker.batch_undo import undo as undoing
from trueup_worker.batch_undo.consequences import Judged
from trueup_worker.batch_undo.undo import Undone, UndoRefused, UnknownBatch, preview_undo, undo_batch
from trueup_worker.invoicing.mark import mark_invoice
from trueup_worker.reporting.reconcile import reconcile

JANUARY, FEBRUARY = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC)
DUE = {"schedule_items": [{"timestamp": "2030-01-01T00:00:00Z", "amount": 1000}]}
LATER = {"schedule_items": [{"timestamp": "2030-06-01T00:00:00Z", "amount": 1000}]}


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives."""
    return Intake(database)


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def counted_in(engine: Engine, account_id: int, rows: int, kind: str = "commit") -> UUID:
    """A batch of so many rows."""
    batch_id = new_id()
    with engine.begin() as connection:
        open_batch(connection, account_id, Batch(batch_id, None, "renewals.csv", b"-", kind, rows))  # type: ignore[arg-type]
    return batch_id


def rows_of(batch_id: UUID, *bodies: Any) -> list[Entry]:
    """The envelope's entries for the first rows of a batch."""
    return [entry(each, request_id=row_id(batch_id, row)) for row, each in enumerate(bodies, start=1)]


def batched(book: ChangeBook, *commits: UUID) -> UUID:
    """A batch that made these commits."""
    batch_id = counted_in(book.engine, book.account_id, len(commits))
    for each in commits:
        book.run("UPDATE commit SET batch_id = :batch WHERE id = :id", batch=batch_id, id=each)
    return batch_id


def undo(of: Intake | ChangeBook, batch_id: UUID, **more: Any) -> Undone:
    """Takes a batch back."""
    return undo_batch(of.engine, account_id=of.account_id, batch_id=batch_id, actor="key", **more)


def reasons(of: ChangeBook, batch_id: UUID, **more: Any) -> list[tuple[UUID, str | None, str]]:
    """What a dry run says of each commit."""
    told: list[Judged] = []
    preview_undo(of.engine, account_id=of.account_id, batch_id=batch_id, tell=told.extend, **more)
    return [(each.commit.id, each.reason, each.detail) for each in told]


def archived(of: Intake) -> list[bool]:
    """Which commits of the account are archived, in the order of their ids."""
    return [row[0] for row in of.rows("SELECT archived_at IS NOT NULL FROM commit WHERE account_id = :a ORDER BY id")]


def differences(of: Intake) -> list[Any]:
    """What reconciling finds."""
    with of.engine.begin() as connection:
        return reconcile(connection, of.account_id)


def test_what_it_made_is_archived(intake: Intake) -> None:
    """Its commits are out, their items suppressed, their keys used; other commits stay; all sums agree."""
    batch_id = counted_in(intake.engine, intake.account_id, 2)
    intake.receive(*rows_of(batch_id, prepaid(uniqueness_key="a"), prepaid(uniqueness_key="b")), batch_id=str(batch_id))
    other = entry(prepaid())
    intake.receive(other)
    undone = undo(intake, batch_id)
    assert (undone.commits, undone.archived, undone.archived_before, undone.left) == (2, 2, 0, {})
    active = intake.rows("SELECT id FROM commit WHERE account_id = :a AND archived_at IS NULL")
    assert [str(row.id) for row in active] == [other["id"]]
    [again] = intake.receive(entry(prepaid(uniqueness_key="a")))
    assert again.outcome == "duplicate"
    assert differences(intake) == []


def test_it_is_told_once(intake: Intake) -> None:
    """One audit row and one event say what was done; a second run finds nothing to do, and says nothing."""
    batch_id = counted_in(intake.engine, intake.account_id, 1)
    intake.receive(*rows_of(batch_id, prepaid()), batch_id=str(batch_id))
    undo(intake, batch_id)
    again = undo(intake, batch_id)
    assert (again.commits, again.archived, again.archived_before) == (1, 0, 1)
    [(action, subject, after)] = intake.rows("SELECT action, subject, after FROM audit WHERE account_id = :a")
    assert (action, subject, after["archived"]) == ("undo_batch", str(batch_id), 1)
    events = intake.rows("SELECT event, subject_ids, detail FROM outbox WHERE account_id = :a ORDER BY seq")
    assert [(row.event, row.subject_ids) for row in events[1:]] == [
        ("commit.archived", [row_id(batch_id, 1)]),
        ("batch.undone", [batch_id]),
    ]
    assert events[-1].detail == {"archived": 1, "suppressed": 0, "voided": 0, "left": {}}


def test_a_row_that_comes_later_is_refused(intake: Intake) -> None:
    """It ends as batch_undone; what was made or refused before is repeated; sums agree."""
    batch_id = counted_in(intake.engine, intake.account_id, 3)
    first = rows_of(batch_id, prepaid(), prepaid(priority="x"))
    intake.receive(*first, batch_id=str(batch_id))
    undo(intake, batch_id)
    made, refused, late = intake.receive(*rows_of(batch_id, prepaid(), {}, prepaid()), batch_id=str(batch_id))
    assert (made.outcome, refused.errors[0]["code"], late.outcome) == ("created", "not_a_number", "invalid")
    assert (late.errors[0]["code"], str(batch_id) in late.errors[0]["message"]) == ("batch_undone", True)
    assert (intake.count("commit"), differences(intake)) == (1, [])


def test_a_refused_row_that_is_judged_anew_is_refused(intake: Intake) -> None:
    """What a sender wants judged anew ends as batch_undone, too."""
    batch_id = counted_in(intake.engine, intake.account_id, 1)
    intake.receive(*rows_of(batch_id, prepaid(priority="x")), batch_id=str(batch_id))
    undo(intake, batch_id)
    [late] = intake.receive(*rows_of(batch_id, prepaid()), batch_id=str(batch_id), anew_before=intake.instant())
    assert late.errors[0]["code"] == "batch_undone"


def test_rows_that_never_come_are_no_difference(intake: Intake) -> None:
    """A file of which a part was sent when it was undone leaves nothing undecided."""
    batch_id = counted_in(intake.engine, intake.account_id, 5)
    intake.receive(*rows_of(batch_id, prepaid()), batch_id=str(batch_id))
    assert [each.check for each in differences(intake)] == ["batch_undecided"]
    undo(intake, batch_id)
    assert differences(intake) == []


def test_it_is_not_received_again(intake: Intake) -> None:
    """Ingesting it again ends with 3, and says how the file that is right now is sent."""
    batch_id = counted_in(intake.engine, intake.account_id, 1)
    undo(intake, batch_id)
    with pytest.raises(BatchUndone, match="--new --key-suffix") as told, intake.engine.begin() as connection:
        open_batch(connection, intake.account_id, Batch(batch_id, None, "renewals.csv", b"-", "commit", 1))
    assert told.value.exit_code == 3


def test_closing_waits_for_whoever_decides(intake: Intake) -> None:
    """A worker in the middle of an envelope commits before the batch is closed, and what it made is archived."""
    batch_id = counted_in(intake.engine, intake.account_id, 1)
    with ThreadPoolExecutor(1) as pool, transaction(intake.engine) as connection:
        assert closed_since(connection, intake.account_id, batch_id) is None
        running = pool.submit(undo, intake, batch_id)
        _wait_for_a_lock(intake.engine)
        _insert(connection, intake, batch_id)
    assert running.result(30).archived == 1
    assert archived(intake) == [True]


def test_whoever_decides_waits_for_closing(intake: Intake) -> None:
    """A worker that comes while the batch is being closed waits, and then finds it closed."""
    batch_id = counted_in(intake.engine, intake.account_id, 1)
    rows = rows_of(batch_id, prepaid())
    with ThreadPoolExecutor(1) as pool, transaction(intake.engine) as connection:
        begin_undo(connection, intake.account_id, batch_id)
        running = pool.submit(intake.receive, *rows, batch_id=str(batch_id))
        _wait_for_a_lock(intake.engine)
    assert running.result(30)[0].errors[0]["code"] == "batch_undone"
    assert intake.count("commit") == 0


def test_cut_short_it_goes_on(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short after a group, the next run ends as one run would have: the same counts, audit row and event."""
    monkeypatch.setattr(undoing, "GROUP_COMMITS", 2)
    batch_id = counted_in(intake.engine, intake.account_id, 5)
    intake.receive(*rows_of(batch_id, *[prepaid() for _ in range(5)]), batch_id=str(batch_id))
    looked = iter([False, True])
    cut = undo(intake, batch_id, is_over=lambda: next(looked))
    assert (cut.is_complete, cut.archived, Counter(archived(intake))) == (False, 2, {True: 2, False: 3})
    whole = undo(intake, batch_id)
    assert (whole.is_complete, whole.commits, whole.archived, whole.archived_before) == (True, 5, 5, 0)
    assert [row.after["archived"] for row in intake.rows("SELECT after FROM audit WHERE account_id = :a")] == [5]


def test_two_at_once_end_as_one(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two operators who take the same batch back archive each commit once, and one of them tells it."""
    monkeypatch.setattr(undoing, "GROUP_COMMITS", 3)
    batch_id = counted_in(intake.engine, intake.account_id, 40)
    intake.receive(*rows_of(batch_id, *[prepaid() for _ in range(40)]), batch_id=str(batch_id))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: undo(intake, batch_id), range(2)))
    told = [row.after["archived"] for row in intake.rows("SELECT after FROM audit WHERE account_id = :a ORDER BY seq")]
    assert (told, archived(intake), differences(intake)) == ([40], [True] * 40, [])


def test_what_is_done_after_another_run_ended_is_told(book: ChangeBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that voids no invoices ends beside one that does: what that one takes back since then is told by it."""
    monkeypatch.setattr(undoing, "GROUP_COMMITS", 1)
    batch_id = batched(book, *[book.request(invoice_schedule=DUE) for _ in range(2)])
    book.work()
    groups = iter([False, True])

    def end_beside() -> bool:
        if next(groups):
            undo(book, batch_id)
        return False

    undo(book, batch_id, void_invoices=True, is_over=end_beside)
    rows = book.rows("SELECT after FROM audit WHERE account_id = :account_id AND action = 'undo_batch' ORDER BY seq")
    assert [(row.after["archived"], row.after["voided_invoices"]) for row in rows] == [(1, "1"), (1, "2")]


def test_drawn_commits_are_left(book: ChangeBook) -> None:
    """Usage that is closed drew on it: it stays, and says which invoice."""
    commit_id = book.request()
    batch_id = batched(book, commit_id)
    book.use(JANUARY, "30")
    book.close(JANUARY)
    assert reasons(book, batch_id, void_invoices=True) == [(commit_id, "drawn", "usage drew on it: usage invoice 1")]
    assert (undo(book, batch_id, void_invoices=True).left, book.commit_row(commit_id).archived_at) == (
        {"drawn": 1},
        None,
    )


def test_commits_changed_by_hand_are_left(book: ChangeBook) -> None:
    """Edited, ended, adjusted or freed of its true-up since: somebody wanted it as it is."""
    edited, ended, adjusted = (book.request() for _ in range(3))
    freed = book.request("POSTPAID", invoice_schedule=LATER)
    batch_id = batched(book, edited, ended, adjusted, freed)
    book.edit(edited, priority=2)
    book.end(ended, access_ending_before="2030-07-01T00:00:00Z")
    book.adjust(adjusted, "5")
    book.disable(freed)
    told = [detail.split(" by hand")[0] for _, _, detail in reasons(book, batch_id)]
    assert told == ["it was edited", "it was ended", "it was adjusted", "it was freed of its true-up"]
    assert undo(book, batch_id).left == {"changed": 4}


def test_invoiced_commits_are_left(book: ChangeBook) -> None:
    """A final invoice stands in the way, named by its number, unless it may be voided."""
    commit_id = book.request(invoice_schedule=DUE)
    batch_id = batched(book, commit_id)
    book.work()
    assert reasons(book, batch_id) == [(commit_id, "invoiced", "it is billed by invoice 1")]
    assert (undo(book, batch_id).left, book.invoices()[0].status) == ({"invoiced": 1}, "FINALIZED")


def test_invoices_are_voided_when_that_is_asked_for(book: ChangeBook) -> None:
    """Scheduled invoices and true-ups are void, their commits archived, and all sums agree."""
    first, second = book.request(invoice_schedule=DUE), book.request(invoice_schedule=DUE)
    trued_up = book.request("POSTPAID", ends="2030-02-01", invoice_schedule=DUE)
    batch_id = batched(book, first, second, trued_up)
    undo_first = preview_undo(book.engine, account_id=book.account_id, batch_id=batch_id, void_invoices=True)
    book.close(JANUARY)
    would = preview_undo(book.engine, account_id=book.account_id, batch_id=batch_id, void_invoices=True)
    undone = undo(book, batch_id, void_invoices=True)
    assert (undo_first.voided, would.voided, undone.voided) == ((), ((1, 3),), ((1, 3),))
    assert (undone.archived, {each.status for each in book.invoices()}, book.differences()) == (3, {"VOID"}, [])
    [(after,)] = book.rows("SELECT after FROM audit WHERE account_id = :account_id AND action = 'undo_batch'")
    assert after["voided_invoices"] == "1-3"


@pytest.mark.parametrize("mark", ["paid", "exported"])
def test_marked_invoices_are_never_voided(book: ChangeBook, mark: Any) -> None:
    """Somebody paid it, or has it in other books: it stays, and so does its commit."""
    commit_id = book.request(invoice_schedule=DUE)
    batch_id = batched(book, commit_id)
    book.work()
    [invoice] = book.invoices()
    with book.engine.begin() as connection:
        mark_invoice(connection, account_id=book.account_id, invoice_id=invoice.id, mark=mark, is_set=True, actor="key")
    assert reasons(book, batch_id, void_invoices=True) == [(commit_id, "marked", f"invoice 1 is marked {mark}")]
    assert (undo(book, batch_id, void_invoices=True).left, book.invoices()[0].status) == ({"marked": 1}, "FINALIZED")


def test_what_was_left_is_looked_at_again(book: ChangeBook) -> None:
    """Once what stood in the way is gone, the same command archives the rest, and tells that by a row of its own."""
    commit_id, free = book.request(invoice_schedule=DUE), book.request(invoice_schedule=LATER)
    batch_id = batched(book, commit_id, free)
    book.work()
    assert (undo(book, batch_id).archived, book.state(free)) == (1, "suppressed")
    book.void(book.invoices()[0].id)
    again = undo(book, batch_id)
    assert (again.archived, again.archived_before, again.left) == (1, 1, {})
    assert [action for action, _ in book.audits()] == ["undo_batch", "void_invoice", "undo_batch"]


def test_a_dry_run_changes_nothing(book: ChangeBook) -> None:
    """It counts what would be done, and the batch stays open."""
    batch_id = batched(book, book.request(invoice_schedule=LATER), book.request("CREDIT"))
    would = preview_undo(book.engine, account_id=book.account_id, batch_id=batch_id)
    assert (would.archived, would.suppressed, would.left) == (2, 1, {})
    assert book.rows("SELECT closed_at FROM batch WHERE id = :id", id=batch_id) == [(None,)]
    assert book.audits() == []


def test_usage_is_not_taken_back(intake: Intake) -> None:
    """Lines of usage are facts; a batch of them is refused, and so is one of another account."""
    usage = counted_in(intake.engine, intake.account_id, 1, kind="usage")
    with pytest.raises(UndoRefused, match="usage"):
        undo(intake, usage)
    stranger = Intake(intake.engine, account="stranger")
    with pytest.raises(UnknownBatch):
        undo(stranger, usage)


def _insert(connection: Any, intake: Intake, batch_id: UUID) -> None:
    connection.execute(
        text("""
            INSERT INTO commit (account_id, id, type, customer_id, product_id, priority, rate_type, access_type,
                                access_unit_id, fingerprint, fingerprint_version, batch_id, created_at)
            SELECT :a, :id, 'PREPAID', :customer, :customer, 1, 'LIST_RATE', 'SPEND', :customer, '', 1, :batch, now()
        """),
        {"a": intake.account_id, "id": row_id(batch_id, 1), "customer": ACME, "batch": batch_id},
    )


def _wait_for_a_lock(engine: Engine) -> None:
    """Returns once somebody waits for an advisory lock."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(waiting):
            connection.execute(text("SELECT pg_sleep(0.01)"))
