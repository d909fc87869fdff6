"""What a PREPAID commit of a book is billed for, item by item."""

from datetime import datetime
from uuid import UUID

from tests.integration.usage_book import UsageBook
from trueup.ids import new_id


def instalment(book: UsageBook, commit_id: UUID, at: datetime, amount: str) -> UUID:
    """Adds an item to the commit's invoice schedule; gives the id of its draft."""
    key = new_id()
    book.run(
        "INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,"
        "                        amount)"
        " SELECT :account_id, :key, :commit_id, count(*), 'SCHEDULED', :at, :at, :amount, 1, :amount"
        "   FROM obligation WHERE commit_id = :commit_id",
        key=key,
        commit_id=commit_id,
        at=at,
        amount=amount,
    )
    return key
