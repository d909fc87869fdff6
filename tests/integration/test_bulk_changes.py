"""Many commits are changed alike, each in a transaction of its own."""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine

from tests.integration.change_book import ChangeBook
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.commit_changes.edit import EditSettings, edit_commit
from trueup_worker.commit_changes.in_bulk import BulkRow, Change, change_each
from trueup_worker.invoicing.adjust import UnknownCommit

DUE = {"schedule_items": [{"timestamp": "2030-01-01T00:00:00Z", "amount": 1000}]}
MISSING = UUID(int=7)


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def change(book: ChangeBook, how: Any, ids: Iterable[UUID], **more: Any) -> list[BulkRow]:
    """Changes commits by their ids."""
    each: Change = lambda connection, commit_id: how(  # noqa: E731 (it is a value here)
        connection, account_id=book.account_id, commit_id=commit_id, actor="key"
    )
    return list(change_each(book.engine, map(str, ids), find=_find, change=each, **more))


def _find(_: Connection, named: str) -> UUID:
    if UUID(named) == MISSING:
        raise UnknownCommit("no commit is called so")
    return UUID(named)


def test_a_refusal_stops_nobody(book: ChangeBook) -> None:
    """Each commit is changed or refused by itself, with its reason, and has an audit row of its own."""
    billed, free = book.request(invoice_schedule=DUE), book.request()
    book.work()
    refused, missing, changed = change(book, archive_commit, [billed, MISSING, free])
    assert (refused.outcome, refused.commit_id, "void it first" in refused.reason) == ("refused", billed, True)
    assert (missing.outcome, missing.commit_id, missing.reason) == ("refused", None, "no commit is called so")
    assert (changed.number, changed.outcome) == (3, "changed")
    assert book.audits() == [("archive_commit", str(free))]


def test_again_changes_nothing(book: ChangeBook) -> None:
    """Whoever runs it again, after a kill or for no reason, finds what was changed as it is to be."""
    ids = [book.request(), book.request()]
    edit = partial(edit_commit, change={"priority": Decimal(7)}, settings=EditSettings(usage_grace_h=24))
    assert [each.outcome for each in change(book, edit, ids[:1])] == ["changed"]
    assert [each.outcome for each in change(book, edit, [*ids, ids[0]])] == ["unchanged", "changed", "unchanged"]
    assert book.audits() == [("edit_commit", str(each)) for each in ids]


def test_a_dry_run_takes_each_change_back(book: ChangeBook) -> None:
    """It judges as the change itself would, and leaves everything as it was."""
    billed, free = book.request(invoice_schedule=DUE), book.request()
    book.work()
    before = book.events()
    told = change(book, archive_commit, [billed, free], dry_run=True)
    assert [each.outcome for each in told] == ["refused", "changed"]
    assert (book.commit_row(free).archived_at, book.audits(), book.events()) == (None, [], before)
