"""Making anew what was voided, and taking late usage in: what regenerate reads and writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.month import Month
from trueup.store.invoices.voids import Drawn
from trueup.store.postgres.rows import fetch_all
from trueup.store.usage.periods import PERIODS, UsagePeriod

_SUCCESSOR_OF_OBLIGATION = text(
    "SELECT id FROM obligation WHERE account_id = :account_id AND regenerated_from_id = :id"
)
_SUCCESSOR_OF_PERIOD = text("SELECT id FROM usage_period WHERE account_id = :account_id AND regenerated_from_id = :id")

_SETTLED_BY = text("""
    SELECT t.id FROM usage_period AS p
      JOIN obligation AS t ON t.account_id = p.account_id AND t.id = p.settled_by_id AND t.state <> 'voided'
     WHERE p.account_id = :account_id AND p.id = :id
""")

# Of a POSTPAID commit the rest expired with a true-up that was suppressed.
_EXPIRED = text("""
    SELECT s.commit_id, s.id AS segment_id
      FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.archived_at IS NULL
       AND CASE c.type WHEN 'POSTPAID' THEN EXISTS (
               SELECT FROM obligation AS o
                WHERE o.account_id = c.account_id AND o.commit_id = c.id AND o.state = 'suppressed')
           ELSE NOT s.expires END
       AND s.starting_at < :ending_before AND s.ending_before > :starting_at
     ORDER BY s.commit_id, s.position
""")

_RENEW = text("""
    INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
                            amount, instalments_before, suppressed_by, regenerated_from_id)
    SELECT account_id, :new_id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
           amount, instalments_before, suppressed_by, id
      FROM obligation WHERE account_id = :account_id AND id = :id
""")

_IS_ARCHIVED = text("SELECT archived_at IS NOT NULL FROM commit WHERE account_id = :account_id AND id = :commit_id")

_TAKE_LATE_USAGE_IN = text("""
    UPDATE usage_line SET is_late = false
     WHERE account_id = :account_id AND customer_id = :customer_id AND contract_id = :contract_id
       AND unit_id = :unit_id AND at >= :starting_at AND at < :ending_before AND is_late
""")

_UNITS_WITH_LATE_USAGE = text("""
    SELECT DISTINCT unit_id FROM usage_line
     WHERE account_id = :account_id AND customer_id = :customer_id AND contract_id = :contract_id
       AND at >= :starting_at AND at < :ending_before AND is_late
     ORDER BY unit_id
""")

_LAST_PERIODS = text(f"""
    {PERIODS}
     WHERE p.account_id = :account_id AND p.contract_id = :contract_id AND p.customer_id = :customer_id
       AND p.starting_at = :starting_at
       AND NOT EXISTS (SELECT FROM usage_period AS n WHERE n.account_id = :account_id AND n.regenerated_from_id = p.id)
""")


@dataclass(frozen=True, slots=True)
class UnbilledUsage:
    """A contract's usage of one closed month and unit that no period holds now; `replaces` is the void one, if any."""

    customer_id: UUID
    contract_id: UUID
    unit_id: UUID
    month: Month
    replaces: UUID | None


def successor_of_obligation(connection: Connection, account_id: int, obligation_id: UUID) -> UUID | None:
    """The obligation that replaces this one."""
    found: UUID | None = connection.scalar(_SUCCESSOR_OF_OBLIGATION, {"account_id": account_id, "id": obligation_id})
    return found


def successor_of_period(connection: Connection, account_id: int, period_id: UUID) -> UUID | None:
    """The usage period that replaces this one."""
    found: UUID | None = connection.scalar(_SUCCESSOR_OF_PERIOD, {"account_id": account_id, "id": period_id})
    return found


def settled_by(connection: Connection, account_id: int, period_id: UUID) -> UUID | None:
    """The true-up that an operator released to ask for the usage of a void period, unless that is void, too."""
    found: UUID | None = connection.scalar(_SETTLED_BY, {"account_id": account_id, "id": period_id})
    return found


def expired_in(connection: Connection, account_id: int, customer_id: UUID, month: Month) -> list[Drawn]:
    """The customer's segments that usage of this month may draw on and whose rest has expired."""
    which = {"account_id": account_id, "customer_id": customer_id}
    return fetch_all(connection, Drawn, _EXPIRED, which | month._asdict())


def renew_obligation(connection: Connection, account_id: int, obligation_id: UUID, *, new_id: UUID) -> None:
    """Schedules a void item again, under an id of its own."""
    connection.execute(_RENEW, {"account_id": account_id, "id": obligation_id, "new_id": new_id})


def is_archived(connection: Connection, account_id: int, commit_id: UUID) -> bool:
    """Tell whether the commit was archived."""
    return bool(connection.scalar(_IS_ARCHIVED, {"account_id": account_id, "commit_id": commit_id}))


def take_late_usage_in(connection: Connection, account_id: int, usage: UnbilledUsage) -> None:
    """Make its late lines ordinary ones."""
    connection.execute(
        _TAKE_LATE_USAGE_IN,
        {
            "account_id": account_id,
            "customer_id": usage.customer_id,
            "contract_id": usage.contract_id,
            "unit_id": usage.unit_id,
            "starting_at": usage.month.starting_at,
            "ending_before": usage.month.ending_before,
        },
    )


def units_with_late_usage(
    connection: Connection, account_id: int, *, customer_id: UUID, contract_id: UUID, month: Month
) -> Sequence[UUID]:
    """The units of a contract's late lines in a month."""
    which = {"account_id": account_id, "customer_id": customer_id, "contract_id": contract_id}
    return connection.scalars(_UNITS_WITH_LATE_USAGE, which | month._asdict()).all()


def last_periods(
    connection: Connection, account_id: int, *, customer_id: UUID, contract_id: UUID, month: Month
) -> dict[UUID, UsagePeriod]:
    """The periods of a contract and month that nothing replaces, void or not, by their unit."""
    which = {"account_id": account_id, "customer_id": customer_id, "contract_id": contract_id}
    periods = fetch_all(connection, UsagePeriod, _LAST_PERIODS, which | {"starting_at": month.starting_at})
    return {period.unit_id: period for period in periods}
