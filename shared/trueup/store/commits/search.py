"""Commits and credits as lists have them: in the order of their ids, or by what a name of theirs begins with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, get_args
from uuid import UUID

from sqlalchemy import Connection, Integer, TextClause, bindparam, text

from trueup.domain.burndown.values import CommitType
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage

CalledBy = Literal["key", "name", "salesforce", "netsuite"]
"""Names of a commit, in the order in which they are searched."""

_COLUMN: Mapping[CalledBy, str] = {
    "key": "uniqueness_key",
    "name": "name",
    "salesforce": "salesforce_opportunity_id",
    "netsuite": "netsuite_sales_order_id",
}
_NAMES: tuple[CalledBy, ...] = get_args(CalledBy)
_SEARCHED_MAX = SEARCHED_ROWS_MAX // 2  # a commit is wide, and lies anywhere: twice as many take more than 50 ms
_LAST_CHARACTER = "\U0010ffff"

# Of the rows that are searched, so that what is not given costs no plan.
_WANTED = """(CAST(:type AS text) IS NULL OR type = :type)
              AND (CAST(:is_archived AS boolean) IS NULL OR (archived_at IS NOT NULL) = :is_archived)"""


def _listed(searched: str, wanted: str, order: str) -> TextClause:
    """The statement that tells of what is wanted among the searched; in `order`, `{c}` stands before the columns."""
    return text(f"""
    SELECT c.id, c.type, c.name, c.customer_id, u.name AS customer, c.priority, c.uniqueness_key,
           c.salesforce_opportunity_id, c.netsuite_sales_order_id, c.created_at, c.archived_at,
           (SELECT sum(amount) FROM segment s WHERE s.account_id = c.account_id AND s.commit_id = c.id) AS amount
      FROM (SELECT * FROM ({searched}) AS searched WHERE {wanted} ORDER BY {order.format(c="")} LIMIT :limit) AS c
      LEFT JOIN customer u ON u.account_id = c.account_id AND u.id = c.customer_id
     ORDER BY {order.format(c="c.")}
""")


_INDEXED = {
    "customer_id": "customer_id = :customer_id",
    "uniqueness_key": "uniqueness_key = :uniqueness_key",
    "after": "id > :after",
}


def _by_id(what: str, given: str) -> str:
    return f"SELECT {what} FROM commit WHERE account_id = :account_id{given} ORDER BY id"


_LIST = Filtered(lambda given: _listed(f"{_by_id('*', given)} LIMIT {_SEARCHED_MAX}", _WANTED, "{c}id"), _INDEXED)
_LAST_SEARCHED = Filtered(lambda given: text(f"{_by_id('id', given)} OFFSET {_SEARCHED_MAX - 1} LIMIT 1"), _INDEXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCommit:
    """A commit or credit in a list.

    Attributes:
        customer: the customer's name; None where the catalog has lost it.
        amount: the sum of its segments.
        balance: what can be used of it now; None where that was not asked for.
        unpaid: instalments whose invoices are void; None: there are none.
    """

    id: UUID
    type: CommitType
    name: str | None
    customer_id: UUID
    customer: str | None
    priority: Decimal
    uniqueness_key: str | None
    salesforce_opportunity_id: str | None
    netsuite_sales_order_id: str | None
    created_at: datetime
    archived_at: datetime | None
    amount: Decimal
    balance: Decimal | None = None
    unpaid: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitChoice:
    """Which commits and credits: what is given must all hold.

    Attributes:
        customer_id: of this customer.
        type: of this type.
        is_archived: whether they are out of use.
    """

    customer_id: UUID | None = None
    type: CommitType | None = None
    is_archived: bool | None = None


EVERY = CommitChoice()


class FoundPlace(NamedTuple):
    """Place among what a beginning finds: by which name, and after which commit of those."""

    by: CalledBy
    id: UUID

    def __str__(self) -> str:
        """The place as text, which `place_of` reads."""
        return f"{self.by}.{self.id}"


def place_of(told: str) -> FoundPlace:
    """The place that a text tells.

    Raises:
        ValueError: it tells none.
    """
    by, _, commit_id = told.partition(".")
    return FoundPlace(_NAMES[_NAMES.index(by)], UUID(commit_id))


def list_commits(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    choice: CommitChoice = EVERY,
    uniqueness_key: str | None = None,
    after: UUID | None = None,
) -> SearchPage[ListedCommit, UUID]:
    """Commits and credits in the order of their ids; of what has no index, type and archived, among the next 2,500.

    Args:
        connection: a transaction.
        account_id: whose.
        limit: at most this many.
        choice: which.
        uniqueness_key: with this key only.
        after: the id to which the page before has searched.
    """
    chosen = asdict(choice) | {"uniqueness_key": uniqueness_key, "after": after}
    which = {"account_id": account_id, "limit": limit, **chosen}
    found = fetch_all(connection, ListedCommit, _LIST.given(which), which)
    if len(found) == limit:
        return SearchPage(found, found[-1].id)
    return SearchPage(found, connection.scalar(_LAST_SEARCHED.given(which), which))


class _Stretch:
    """The commits that have a name with the beginning, unless a name before it begins alike."""

    def __init__(self, by: CalledBy) -> None:
        name, before = _COLUMN[by], [_COLUMN[each] for each in _NAMES[: _NAMES.index(by)]]
        order = ["{c}" + name] if by == "key" else ["{c}" + name, "{c}id"]  # as its index has it: a key is one commit's
        in_order, is_new = ", ".join(order), "".join(f"\n              AND {_BEGINS.format(each)}" for each in before)
        filters = {"after": f"({name}, id) > ({_TEXT.format(name)}, CAST(:after AS uuid))"}

        def searched(given: str, what: str) -> str:
            return f"""SELECT {what} FROM commit
                 WHERE account_id = :account_id AND {name} >= :beginning AND {name} < :beyond{given}
                 ORDER BY {in_order.format(c="")} LIMIT :searched"""

        self.found = Filtered(
            lambda given: _listed(searched(given, "*"), f"{_WANTED}{_OF_CUSTOMER}{is_new}", in_order).bindparams(
                _SEARCHED
            ),
            filters,
        )
        self.last = Filtered(
            lambda given: text(f"""
    SELECT count(*) AS looked_at, (array_agg(id))[count(*)] AS id FROM ({searched(given, "id")}) AS searched
""").bindparams(_SEARCHED),
            filters,
        )


_SEARCHED = bindparam("searched", type_=Integer, literal_execute=True)  # for the same reason as the limit
_TEXT = "(SELECT {} FROM commit WHERE account_id = :account_id AND id = :after)"
_BEGINS = "starts_with({}, :beginning) IS NOT TRUE"
_OF_CUSTOMER = """
              AND (CAST(:customer_id AS uuid) IS NULL OR customer_id = :customer_id)"""
_STRETCHES = {by: _Stretch(by) for by in _NAMES}


def search_commits(
    connection: Connection,
    account_id: int,
    beginning: str,
    *,
    limit: int,
    choice: CommitChoice = EVERY,
    after: FoundPlace | None = None,
) -> SearchPage[ListedCommit, FoundPlace]:
    """Commits whose key, name, or id in Salesforce or NetSuite begins with a text, each once, by the first that does.

    They come in this order of the names, and of each in that of its texts, by code points. What has no index, as all of
    a choice, is looked for among the next 2,500.

    Args:
        connection: a transaction.
        account_id: whose.
        beginning: the text, exactly.
        limit: at most this many.
        choice: which of them.
        after: where the page before has searched to.
    """
    which = {"account_id": account_id, "beginning": beginning, "beyond": f"{beginning}{_LAST_CHARACTER}"}
    which |= asdict(choice) | {"after": None if after is None else after.id}
    found: list[ListedCommit] = []
    left = _SEARCHED_MAX
    for by in _NAMES if after is None else _NAMES[_NAMES.index(after.by) :]:
        here = which | {"limit": limit - len(found), "searched": left}
        stretch = _STRETCHES[by]
        found += fetch_all(connection, ListedCommit, stretch.found.given(here), here)
        if len(found) == limit:
            return SearchPage(found, FoundPlace(by, found[-1].id))
        last = connection.execute(stretch.last.given(here), here).one()
        left -= last.looked_at
        if left == 0:
            return SearchPage(found, FoundPlace(by, last.id))
        which["after"] = None
    return SearchPage(found, None)
