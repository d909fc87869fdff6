"""The use case: commits and credits as people read them, each with what can be used of it now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.commits.details import CommitDetails, show_commit, usable_balances
from trueup.store.commits.pages import CommitRecord
from trueup.store.commits.search import FoundPlace, ListedCommit, list_commits, search_commits
from trueup.store.invoices.unpaid_instalments import unpaid_instalments
from trueup.store.postgres.search_page import SearchPage
from trueup.store.usage.billed_lines import with_unsettled_usage
from trueup_worker.reporting.balance import left_by_drafts

_NOTHING: Mapping[str, Decimal] = {}

C = TypeVar("C", ListedCommit, CommitDetails, CommitRecord)


class UsableCommits:
    """An account's commits and credits at one moment; a customer's open usage is burnt down once, when it is read.

    Args:
        connection: a snapshot, so that ledger and usage are of one moment.
        account_id: whose commits.
    """

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection, self._account_id = connection, account_id
        self._left: dict[UUID, Mapping[str, Decimal]] = {}

    def page(self, **choice: Any) -> SearchPage[ListedCommit, UUID]:
        """A page as `list_commits` gives it, with balances, and what is unpaid."""
        page = list_commits(self._connection, self._account_id, **choice)
        return replace(page, rows=self.with_balances(page.rows))

    def found(self, beginning: str, **choice: Any) -> SearchPage[ListedCommit, FoundPlace]:
        """A page as `search_commits` gives it, likewise."""
        page = search_commits(self._connection, self._account_id, beginning, **choice)
        return replace(page, rows=self.with_balances(page.rows))

    def one(self, commit_id: UUID) -> CommitDetails | None:
        """One as `show_commit` gives it, with its balance, and what is unpaid of it."""
        found = show_commit(self._connection, self._account_id, commit_id)
        return None if found is None else self.with_balances([found])[0]

    def with_balances(self, commits: Sequence[C]) -> list[C]:
        """The same, with balances, and what is unpaid."""
        left, ids = self._left_of({each.customer_id for each in commits}), [each.id for each in commits]
        balances = usable_balances(self._connection, self._account_id, ids, left)
        unpaid = unpaid_instalments(self._connection, self._account_id, ids)
        return [replace(each, balance=balances[each.id], unpaid=unpaid.get(each.id)) for each in commits]

    def _left_of(self, customer_ids: Iterable[UUID]) -> dict[str, Decimal]:
        wanted = set(customer_ids)
        new = wanted - self._left.keys()
        self._left |= dict.fromkeys(new, _NOTHING)
        for each in with_unsettled_usage(self._connection, self._account_id, new) if new else ():
            self._left[each] = left_by_drafts(self._connection, account_id=self._account_id, customer_id=each)
        return {segment: left for each in wanted for segment, left in self._left[each].items()}
