"""The use case: what a customer can still use, now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.burndown.values import AccessType, CommitType
from trueup.errors import NotFound
from trueup.store.catalog.names import customer_name, unit_names
from trueup.store.commits.balances import BalanceFilter, load_balances
from trueup.store.commits.usable_amounts import usable_by_commit, usable_together
from trueup.store.invoices.unpaid_instalments import unpaid_of_customer
from trueup_worker.invoicing.clock import account_now
from trueup_worker.invoicing.open_months import left_of, open_draws


class UnknownCustomer(NotFound):
    """The account has no customer of this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """Usable amounts: of one commit or credit, or of all in one unit.

    Attributes:
        usable: what is left when usage of open months is burnt down, and void usage is made anew: both reserve.
        finalized: what is left by the ledger alone, which knows closed months only.
    """

    unit_id: str
    unit: str
    access_type: AccessType
    usable: Decimal
    finalized: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableCommit(Usable):
    """Usable amounts of one commit or credit.

    Attributes:
        unpaid: instalments whose invoices are void, in the unit of its invoices; None: there are none.
    """

    commit_id: str
    type: CommitType
    name: str
    unpaid: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerBalance:
    """Balance of a customer, by commit or credit, and by unit; money and units of usage are kept apart."""

    customer_id: UUID
    customer: str
    as_of: datetime
    units: list[Usable]
    commits: list[UsableCommit]


def customer_balance(
    connection: Connection, *, account_id: int, customer_id: UUID, with_drafts: bool = True
) -> CustomerBalance:
    """Balance of the customer at the account's present.

    Segments that are over or still to come count 0, as does one below 0; archived commits are left out.

    Args:
        connection: a snapshot, so that ledger and usage are of one moment.
        account_id: whose customer.
        customer_id: who asks.
        with_drafts: whether usage of open months is burnt down; else `usable` is as `finalized`.

    Raises:
        UnknownCustomer: the account has no such customer.
    """
    name = _name(connection, account_id, customer_id)
    now = account_now(connection, account_id)
    draws = _draws(connection, account_id, customer_id, with_drafts=with_drafts)
    units = unit_names(connection, account_id)
    unpaid = unpaid_of_customer(connection, account_id, customer_id)
    commits = [
        UsableCommit(
            commit_id=each.commit_id,
            type=each.type,
            name=each.name,
            unit_id=each.unit_id,
            unit=units.get(each.unit_id, ""),
            access_type=each.access_type,
            usable=each.usable,
            finalized=each.finalized,
            unpaid=unpaid.get(each.commit_id),
        )
        for each in usable_by_commit(connection, account_id, customer_id, now=now, draws=draws)
    ]
    return CustomerBalance(customer_id=customer_id, customer=name, as_of=now, units=_by_unit(commits), commits=commits)


def net_balance(
    connection: Connection,
    *,
    account_id: int,
    customer_id: UUID,
    access_type: AccessType,
    unit_id: UUID | None = None,
    filters: Sequence[BalanceFilter] = (),
    with_drafts: bool = True,
) -> Decimal:
    """Sum that the customer can use of all commits and credits together.

    Args:
        connection: a snapshot.
        account_id: whose customer.
        customer_id: who asks.
        access_type: money or quantities: they do not add up.
        unit_id: in this unit only; None: in any.
        filters: those that any of these admits; none: all.
        with_drafts: whether usage of open months is taken off.

    Raises:
        UnknownCustomer: the account has no such customer.
    """
    _name(connection, account_id, customer_id)
    return usable_together(
        connection,
        account_id,
        customer_id,
        now=account_now(connection, account_id),
        draws=_draws(connection, account_id, customer_id, with_drafts=with_drafts),
        access_type=access_type,
        unit_id=unit_id,
        filters=filters,
    )


def _name(connection: Connection, account_id: int, customer_id: UUID) -> str:
    name = customer_name(connection, account_id, customer_id)
    if name is None:
        raise UnknownCustomer(f"no customer {customer_id} in this account")
    return name


def _draws(connection: Connection, account_id: int, customer_id: UUID, *, with_drafts: bool) -> Mapping[str, Decimal]:
    return open_draws(connection, account_id, [customer_id]).by_segment if with_drafts else {}


def left_by_drafts(connection: Connection, *, account_id: int, customer_id: UUID) -> dict[str, Decimal]:
    """Remainders that open usage leaves of the segments, by their ids: drafts reserve, void usage does, too.

    Of the others there is what the ledger says. Costs a burn-down where there is such usage.
    """
    draws = open_draws(connection, account_id, [customer_id])
    return left_of(load_balances(connection, account_id, customer_id), draws) if draws.by_segment else {}


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
