"""The journal of a book: its lines as they are exported, and months that are closed."""

import json
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Engine

from trueup.domain.journal.accounts import Account
from trueup.store.journal.months import ClosedMonth
from trueup.store.postgres.engine import snapshot
from trueup_worker.exports.export import Span
from trueup_worker.exports.formats import chunks
from trueup_worker.exports.journal import JOURNAL
from trueup_worker.exports.months import month_named
from trueup_worker.journal.close import close_books

Line = dict[str, Any]


class Book(Protocol):
    """An account in a database."""

    engine: Engine
    account_id: int


def close_month(book: Book, month: str, *, open_usage: bool = False) -> ClosedMonth:
    """Closes a month of the books."""
    return close_books(book.engine, book.account_id, month_named(month), actor="key", leaves_usage_open=open_usage)


def journal_bytes(book: Book, month: str | None = None) -> bytes:
    """The journal, of a month or of all times, as JSON lines."""
    span = Span(*month_named(month)) if month else Span()
    with snapshot(book.engine) as connection:
        rows = JOURNAL.rows(connection, book.account_id, span)
        return b"".join(chunk.content for chunk in chunks(list(JOURNAL.columns), rows, form="jsonl"))


def journal(book: Book, month: str | None = None) -> list[Line]:
    """The same, as values."""
    lines = journal_bytes(book, month).splitlines()
    return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]


def signed(line: Line) -> Decimal:
    """What a line adds to its account: a credit is below 0."""
    return Decimal(line["debit"] or 0) - Decimal(line["credit"] or 0)


def sums(lines: Iterable[Line]) -> dict[Account, Decimal]:
    """What the lines come to, by account; accounts that come to nothing are left out."""
    found: dict[Account, Decimal] = defaultdict(Decimal)
    for line in lines:
        found[line["account"]] += signed(line)
    return {account: amount for account, amount in found.items() if amount}


def unbalanced(lines: Iterable[Line]) -> set[tuple[str, str]]:
    """Entries and currencies whose debits are not their credits."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        found[line["entry"], line["currency"]] += signed(line)
    return {entry for entry, amount in found.items() if amount}
