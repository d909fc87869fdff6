"""The use case: what a customer can still use, now (spec 3.2)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from shared.domain.bills import Label
from shared.domain.burndown.engine import burn_down
from shared.domain.burndown.exact import exact_sum, rounded
from shared.domain.burndown.totals import balances_left
from shared.domain.burndown.values import AccessType, Balance, CommitType
from shared.store.balances import load_balances, load_labels, load_products
from shared.store.names import customer_name, unit_names
from shared.store.usage_reads import open_usage
from worker.invoicing.clock import account_now


class UnknownCustomer(Exception):
    """The account has no customer of this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """What can be used now: of one commit or credit, or of all in one unit.

    Attributes:
        usable: what is left when usage of open months is burnt down: drafts reserve.
        finalized: what is left by the ledger alone, which knows closed months only.
    """

    unit_id: str
    unit: str
    access_type: AccessType
    usable: Decimal
    finalized: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableCommit(Usable):
    """What can be used of one commit or credit."""

    commit_id: str
    type: CommitType
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerBalance:
    """What a customer can use, by commit or credit, and by unit; money and units of usage are kept apart."""

    customer_id: UUID
    customer: str
    as_of: datetime
    units: list[Usable]
    commits: list[UsableCommit]


def customer_balance(connection: Connection, *, account_id: int, customer_id: UUID) -> CustomerBalance:
    """What the customer can use at the account's present.

    Segments that are over or still to come count 0, as does one below 0; archived commits are left out.

    Args:
        connection: a snapshot, so that ledger and usage are of one moment.
        account_id: whose customer.
        customer_id: who asks.

    Raises:
        UnknownCustomer: the account has no such customer.
    """
    name = customer_name(connection, account_id, customer_id)
    if name is None:
        raise UnknownCustomer(f"no customer {customer_id} in this account")
    now = account_now(connection, account_id)
    balances = load_balances(connection, account_id, customer_id)
    commits = _by_commit(
        balances,
        _left(connection, account_id, customer_id, balances),
        now,
        labels=load_labels(connection, account_id, customer_id),
        units=unit_names(connection, account_id),
    )
    return CustomerBalance(customer_id=customer_id, customer=name, as_of=now, units=_by_unit(commits), commits=commits)


def _left(connection: Connection, account_id: int, customer_id: UUID, balances: list[Balance]) -> dict[str, Fraction]:
    usage = open_usage(connection, account_id, customer_id, before=None)
    return balances_left(balances, burn_down(usage, balances, load_products(connection, account_id)))


def _by_commit(
    balances: list[Balance],
    left: dict[str, Fraction],
    now: datetime,
    *,
    labels: dict[str, Label],
    units: dict[str, str],
) -> list[UsableCommit]:
    def usable(segment: Balance) -> tuple[Decimal, Decimal]:
        if segment.starting_at <= now < segment.ending_before:
            return rounded(left[segment.segment_id]), max(segment.available, Decimal(0))
        return Decimal(0), Decimal(0)

    found = []
    for commit_id, group in groupby(sorted(balances, key=_oldest_first), key=lambda each: each.commit_id):
        segments = list(group)
        figures = [usable(segment) for segment in segments]
        found.append(
            UsableCommit(
                commit_id=commit_id,
                type=segments[0].type,
                name=labels[commit_id].name,
                unit_id=segments[0].unit_id,
                unit=units.get(segments[0].unit_id, ""),
                access_type=segments[0].access_type,
                usable=exact_sum(with_drafts for with_drafts, _ in figures),
                finalized=exact_sum(by_ledger for _, by_ledger in figures),
            )
        )
    return found


def _oldest_first(balance: Balance) -> tuple[datetime, str]:
    return balance.created_at, balance.commit_id


def _by_unit(commits: list[UsableCommit]) -> list[Usable]:
    def unit(commit: UsableCommit) -> tuple[str, str, AccessType]:
        return commit.unit, commit.unit_id, commit.access_type

    totals = []
    for (name, unit_id, access_type), group in groupby(sorted(commits, key=unit), key=unit):
        of_unit = list(group)
        totals.append(
            Usable(
                unit_id=unit_id,
                unit=name,
                access_type=access_type,
                usable=exact_sum(each.usable for each in of_unit),
                finalized=exact_sum(each.finalized for each in of_unit),
            )
        )
    return totals
