"""True-ups among a long future: Trueup's scheduler and worker against one Celery task for each invoice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from tests.benchmarks.cpu import Cost, Meter
from tests.benchmarks.environment import Environment, Tenant, wait_until
from tests.benchmarks.naive import QUEUE, QUEUE_TUNED, issue_invoice, send_to
from trueup.domain.month import month_of
from trueup_worker.invoicing.clock import account_now, advance_clock

GRACE = timedelta(hours=24)  # the default: a true-up waits until the last month of its access is closed
INSTALMENTS = 4  # future obligations of one commit
COMMITTED, DRAWN = 1_000, 400  # what is billed is the difference
_SECONDS_MAX = 120.0

# Commits of one type, each with its segment, what was granted and drawn, and its obligations.
_SEED = text("""
WITH asked AS (
    SELECT CAST(:account_id AS integer) AS account_id, CAST(:type AS text) AS type, CAST(:prefix AS text) AS prefix,
           CAST(:opening AS text) AS opening, CAST(:drawing AS text) AS drawing, CAST(:kind AS text) AS kind,
           CAST(:due_at AS timestamptz) AS due_at, CAST(:spread AS interval) AS spread,
           CAST(:committed AS numeric) AS committed, CAST(:drawn AS numeric) AS drawn
), made AS (
    INSERT INTO commit (account_id, id, type, customer_id, product_id, name, priority, rate_type, access_type,
                        access_unit_id, invoice_unit_id, invoice_contract_id, uniqueness_key, fingerprint,
                        fingerprint_version, created_at)
    SELECT a.account_id, uuidv7(), a.type, c.customer_id, p.id, 'Minimum spend', 100, 'LIST_RATE', 'SPEND',
           u.id, u.id, c.id, a.prefix || n, sha256(CAST(n AS text)::bytea), 1, now()
      FROM asked AS a CROSS JOIN generate_series(1, :commits) AS n
      JOIN (SELECT *, row_number() OVER () - 1 AS nth, count(*) OVER () AS all_of_them
              FROM contract WHERE account_id = :account_id) AS c ON c.nth = n % c.all_of_them
     CROSS JOIN (SELECT id FROM product WHERE account_id = :account_id AND type = 'FIXED' LIMIT 1) AS p
     CROSS JOIN (SELECT id FROM unit WHERE account_id = :account_id LIMIT 1) AS u
    RETURNING id
), granted AS (
    INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before)
    SELECT account_id, made.id, 0, committed, due_at - interval '366 days', due_at - interval '1 day'
      FROM asked CROSS JOIN made
    RETURNING commit_id, id
), booked AS (
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)
    SELECT account_id, commit_id, granted.id, entry.type, entry.amount, due_at - interval '365 days'
      FROM asked CROSS JOIN granted
     CROSS JOIN LATERAL (VALUES (opening, committed), (drawing, -drawn)) AS entry (type, amount)
)
INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity, amount)
SELECT account_id, uuidv7(), made.id, n, kind, falls.due_at, falls.due_at, committed, 1, committed
  FROM asked CROSS JOIN made CROSS JOIN generate_series(0, :each - 1) AS n
 CROSS JOIN LATERAL (SELECT asked.due_at + n * interval '91 days' + random() * spread AS due_at) AS falls
""")

_DUE = text("""
    SELECT CAST(id AS text) FROM obligation
     WHERE account_id = :account_id AND state = 'pending' ORDER BY due_at LIMIT :limit
""")
_NUMBERS_USED = text("SELECT next_invoice_number - 1 FROM account WHERE id = :account_id")
_BILLED = text("SELECT coalesce(sum(total), 0) FROM invoice WHERE account_id = :account_id")


@dataclass(frozen=True, slots=True)
class InvoiceSlice:
    """How many invoices were issued, and what that took."""

    invoices: int
    cost: Cost

    @property
    def invoices_per_s(self) -> float:
        """Per second of wall time, from the moment they fell due."""
        return self.invoices / self.cost.seconds


class InvoiceRun:
    """Seeds both accounts, then issues in rounds. Their clocks stand still until a round moves Trueup's."""

    def __init__(self, environment: Environment, *, trueup: Tenant, naive: Tenant, tuned: Tenant) -> None:
        self._environment, self._trueup = environment, trueup
        self._naive, self._tuned = naive, tuned
        self._due: list[datetime] = []
        self._invoices = 0

    def seed(self, *, rounds: int, invoices: int, naive_invoices: int, future: int) -> None:
        """True-ups that fall due round after round, among so many obligations that fall due later."""
        self._invoices = invoices
        with self._environment.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            now = account_now(connection, self._trueup.id)
            self._due = [_month_after(now, number) + GRACE for number in range(1, rounds + 1)]
            for number, due_at in enumerate(self._due):
                _seed_true_ups(connection, self._trueup, number, count=invoices, due_at=due_at)
                _seed_true_ups(connection, self._naive, number, count=naive_invoices, due_at=due_at)
                _seed_true_ups(connection, self._tuned, number, count=naive_invoices, due_at=due_at)
            _seed_future(connection, self._trueup, count=future, from_at=_month_after(now, rounds + 1))
        with self._environment.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))

    def run_trueup(self, number: int) -> InvoiceSlice:
        """From the moment that a round's true-ups fall due until the last one is committed."""
        expected = self._issued(self._trueup) + self._invoices
        with Meter() as meter:
            with self._environment.engine.begin() as connection:
                advance_clock(connection, account_id=self._trueup.id, to=self._due[number], actor="benchmark")
            wait_until(lambda: self._issued(self._trueup) >= expected, seconds_max=_SECONDS_MAX)
        self._check(self._trueup)
        return InvoiceSlice(self._invoices, meter.cost)

    def run_naive(self, count: int) -> InvoiceSlice:
        """From the first task sent until the last invoice is committed."""
        return self._run_tasks(self._naive, QUEUE, count)

    def run_tuned(self, count: int) -> InvoiceSlice:
        """As `run_naive`, by the tuned workers."""
        return self._run_tasks(self._tuned, QUEUE_TUNED, count)

    def _run_tasks(self, tenant: Tenant, queue: str, count: int) -> InvoiceSlice:
        with self._environment.engine.connect() as connection:
            ids: Sequence[str] = connection.scalars(_DUE, {"account_id": tenant.id, "limit": count}).all()
        expected = self._issued(tenant) + count
        send_to(self._environment.state.broker)
        with Meter() as meter:
            for obligation_id in ids:
                issue_invoice.apply_async((tenant.id, obligation_id), queue=queue)
            wait_until(lambda: self._issued(tenant) >= expected, seconds_max=_SECONDS_MAX)
        self._check(tenant)
        return InvoiceSlice(count, meter.cost)

    def _issued(self, tenant: Tenant) -> int:
        """How many invoices are committed: the account's counter, read without counting rows."""
        with self._environment.engine.connect() as connection:
            return int(connection.execute(_NUMBERS_USED, {"account_id": tenant.id}).scalar_one())

    def _check(self, tenant: Tenant) -> None:
        """Every number has its invoice, and every invoice bills what the ledger had left."""
        with self._environment.engine.connect() as connection:
            billed = connection.execute(_BILLED, {"account_id": tenant.id}).scalar_one()
        issued = self._issued(tenant)
        assert self._environment.count("invoice", tenant.id) == issued
        assert billed == issued * (COMMITTED - DRAWN), billed


def _month_after(instant: datetime, months: int) -> datetime:
    """The start of a month to come."""
    for _ in range(months):
        instant = month_of(instant).ending_before
    return instant


def _seed_true_ups(connection: Connection, tenant: Tenant, number: int, *, count: int, due_at: datetime) -> None:
    _seed(
        connection,
        tenant,
        type="POSTPAID",
        opening="POSTPAID_COMMIT_INITIAL_BALANCE",
        drawing="POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
        kind="TRUE_UP",
        prefix=f"true-up-{number}-",
        commits=count,
        each=1,
        due_at=due_at,
        spread=timedelta(),
    )


def _seed_future(connection: Connection, tenant: Tenant, *, count: int, from_at: datetime) -> None:
    _seed(
        connection,
        tenant,
        type="PREPAID",
        opening="PREPAID_COMMIT_SEGMENT_START",
        drawing="PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
        kind="SCHEDULED",
        prefix="future-",
        commits=count // INSTALMENTS,
        each=INSTALMENTS,
        due_at=from_at,
        spread=timedelta(days=3 * 365),
    )


def _seed(connection: Connection, tenant: Tenant, **given: object) -> None:
    connection.execute(_SEED, {"account_id": tenant.id, "committed": COMMITTED, "drawn": DRAWN, **given})
