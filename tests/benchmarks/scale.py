"""What grows with what is stored, and what may not: `python -m tests.benchmarks.scale`.

A Postgres of its own, as `trueup up` starts it, is filled by COPY with rows that agree with one another: an account
with millions of commits, each with a segment, its ledger and an obligation to come, of which one customer has 50,000;
and 100,000 accounts beside it in which nothing is due. Told are milliseconds without those of waiting for a processor
that others had, milliseconds in all, and buffers of 8 KiB; the exit code is 1 where a bound is passed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine, event, text

from tests.benchmarks.ceiling import statements_of
from tests.benchmarks.scale_lists import _INDEXES, migrated_database
from tests.benchmarks.scheduled import spent_by
from tests.benchmarks.workload import Workload
from tests.integration.explained import explain_all
from tests.integration.test_flat_looks import STEPS
from trueup.clock import utc_now
from trueup.limits import ENVELOPE_REQUESTS_MAX
from trueup.store.accounts.accounts import create_account
from trueup.store.catalog.catalog import load_catalog
from trueup.store.postgres.engine import transaction
from trueup.store.requests import commit_inserts as intake
from trueup.wire.request.body import USD_CENTS
from trueup_worker.reporting.balance import customer_balance, net_balance
from trueup_worker.reporting.reconcile import reconcile

_SEED = 20_261_129
_CUSTOMER = "c0000000-0000-4000-8000-{:012}"
LARGE = UUID(_CUSTOMER.format(0))
LARGE_COMMITS = 50_000
_FEE, _CONTRACT = "md5('fee')::uuid", "md5('contract ' || {customer})::uuid"
_FIRST_COMMITS = 100_000
_ENVELOPES = 20

LOOK_MS_MAX, LOOK_BUFFERS_MAX = 10.0, 100
BALANCE_MS_MAX, INSERT_RATIO_MAX = 1_000.0, 1.5
RECONCILE_S_MAX, STATEMENT_S_MAX = 300.0, 10.0

_OF = f"('c0000000-0000-4000-8000-' || lpad((CASE WHEN n <= {LARGE_COMMITS} THEN 0 ELSE n % 1000 END)::text, 12, '0'))"
_ID = "md5('commit ' || n)::uuid"
# Columns and rows of each table, for the commits of numbers from `first` to `last`. Types are those of the columns.
_ROWS = {
    "commit": {
        "account_id": "{account}",
        "id": _ID,
        "type": "'PREPAID'::text",
        "customer_id": f"{_OF}::uuid",
        "product_id": _FEE,
        "name": "'Annual'::text",
        "priority": "100::numeric",
        "rate_type": "'LIST_RATE'::text",
        "access_type": "'SPEND'::text",
        "access_unit_id": f"'{USD_CENTS}'::uuid",
        "invoice_unit_id": f"'{USD_CENTS}'::uuid",
        "invoice_contract_id": _CONTRACT.format(customer=_OF),
        "uniqueness_key": "'order-' || n",
        "fingerprint": "decode(md5(n::text), 'hex')",
        "fingerprint_version": "1::smallint",
        "created_at": "now()",
        "booked_at": "now() - interval '1 day'",
    },
    "segment": {
        "account_id": "{account}",
        "commit_id": _ID,
        "position": "0::smallint",
        "id": "md5('segment ' || n)::uuid",
        "amount": "100::numeric",
        "starting_at": "timestamptz '2026-01-01Z'",
        "ending_before": "timestamptz '2032-01-01Z'",
        "expires": "true",
    },
    "ledger_entry": {
        "account_id": "{account}",
        "commit_id": _ID,
        "seq": "n::bigint",
        "segment_id": "md5('segment ' || n)::uuid",
        "type": "'PREPAID_COMMIT_SEGMENT_START'::text",
        "amount": "100::numeric",
        "effective_at": "timestamptz '2026-01-01Z'",
        "booked_at": "now() - interval '1 day'",
    },
    "obligation": {
        "account_id": "{account}",
        "id": "md5('obligation ' || n)::uuid",
        "commit_id": _ID,
        "position": "0::smallint",
        "kind": "'SCHEDULED'::text",
        "scheduled_at": "timestamptz '2030-01-01Z' + interval '1 minute' * (n % 500000)",
        "due_at": "timestamptz '2030-01-01Z' + interval '1 minute' * (n % 500000)",
        "unit_price": "100::numeric",
        "quantity": "1::numeric",
        "amount": "100::numeric",
    },
}
_CATALOG = f"""
    INSERT INTO customer (account_id, id, name)
    SELECT :account, ('c0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Customer ' || n
      FROM generate_series(0, 999) AS n;
    INSERT INTO product (account_id, id, name, type, tags) VALUES (:account, {_FEE}, 'Fee', 'FIXED', '{{}}');
    INSERT INTO contract (account_id, id, customer_id, starting_at)
    SELECT account_id, {_CONTRACT.format(customer="id")}, id, '2026-01-01Z' FROM customer WHERE account_id = :account
"""
_IS_ANY_WAITING = text("""
    SELECT EXISTS (SELECT FROM changed_account) OR EXISTS (SELECT FROM next_look WHERE work_at <= now())
""")
_IDLE = """
    INSERT INTO account (name, sandbox, clock_at)
    SELECT 'idle ' || n, n % 10 = 0, CASE WHEN n % 10 = 0 THEN timestamptz '2026-01-01Z' END
      FROM generate_series(1, :accounts) AS n;
    INSERT INTO alert_clock SELECT id, now(), now(), now() - interval '1 hour' FROM account ON CONFLICT DO NOTHING
"""


class Bounds:
    """Figures as they are told, and those that are beyond their bound."""

    def __init__(self) -> None:
        self.passed: list[str] = []

    def tell(self, name: str, **figures: tuple[float, float | None]) -> None:
        """Tell figures of something: each with its bound, None where it has none."""
        said = []
        for unit, (figure, most) in figures.items():
            beyond = most is not None and figure > most
            if beyond:
                self.passed.append(f"{name}: {unit}")
            said.append(f"{figure:12,.1f} {unit}" + (f" (at most {most:,.1f})" if most is not None else ""))
        _say(f"{name:44}" + "".join(said) + ("   BEYOND" if any(each.startswith(name) for each in self.passed) else ""))


def main() -> int:
    """Fill, measure, print; 1 where a bound is passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--commits", type=int, default=3_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    chosen = parser.parse_args()
    bounds = Bounds()
    with migrated_database() as (engine, by_hand):
        account_id = _open(by_hand)
        _fill(by_hand, account_id, 1, _FIRST_COMMITS)
        few = _buffers_of_envelope(engine, "few")
        _fill(by_hand, account_id, _FIRST_COMMITS + 1, chosen.commits)
        many = _buffers_of_envelope(engine, "many")
        bounds.tell(
            "insert of 500 commits",
            buffers=(many, few * INSERT_RATIO_MAX),
            before=(few, None),
            times=(many / few, None),
        )
        _make_idle(engine, by_hand, chosen.accounts)
        _measure_looks(engine, bounds)
        _measure_balance(engine, account_id, bounds)
        _measure_reconcile(engine, account_id, bounds)
    _say(
        f"{len(bounds.passed)} bounds are passed: {', '.join(bounds.passed)}" if bounds.passed else "within all bounds"
    )
    return 1 if bounds.passed else 0


def _open(by_hand: Engine) -> int:
    with by_hand.begin() as connection:
        account_id = create_account(connection, "large", now=utc_now()).id
        for each in _CATALOG.split(";"):
            connection.execute(text(each), {"account": account_id})
    return account_id


def _fill(by_hand: Engine, account_id: int, first: int, last: int) -> None:
    """Copy the rows of commits of these numbers; indexes are made afterwards."""
    began_s = time.monotonic()
    with by_hand.begin() as connection:
        indexes = connection.execute(_INDEXES).all()
        for each in indexes:
            connection.execute(text(f"DROP INDEX {each.name}"))
        for table, columns in _ROWS.items():
            _copy(by_hand, connection, table, columns, account_id=account_id, first=first, last=last)
        for each in indexes:
            connection.execute(text(each.definition))
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('ledger_entry', 'seq'), :last)"), {"last": last * 2}
        )
    _vacuum(by_hand)
    _say(f"commits {first:,} to {last:,} filled in {time.monotonic() - began_s:.0f} s")


def _copy(
    source: Engine,
    target: Connection,
    table: str,
    columns: dict[str, str],
    *,
    account_id: int,
    first: int,
    last: int,
) -> None:
    wanted = ", ".join(columns.values()).replace("{account}", f"{account_id}::integer")
    rows = f"SELECT {wanted} FROM generate_series({first}, {last}) AS n"
    into = target.connection.driver_connection
    assert into is not None
    with source.connect() as reading:
        out = reading.connection.driver_connection
        assert out is not None
        with (
            out.cursor().copy(f"COPY ({rows}) TO STDOUT (FORMAT binary)") as given,
            into.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as taken,
        ):
            for piece in given:
                taken.write(piece)


def _vacuum(by_hand: Engine) -> None:
    with by_hand.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _buffers_of_envelope(engine: Engine, name: str) -> float:
    """Buffers that the insert of 500 commits reads, into another account of the same tables."""
    workload = Workload(_SEED)
    catalog = workload.catalog()
    with engine.begin() as connection:
        account_id = create_account(connection, name, now=utc_now()).id
        load_catalog(connection, account_id, catalog)
    requests = list(workload.requests(ENVELOPE_REQUESTS_MAX * _ENVELOPES))
    envelopes = list(statements_of(account_id, requests))
    with engine.connect() as connection:
        before = _blocks(connection)
        for parameters in envelopes:
            intake._INSERT_NEW.run(connection, parameters)
            connection.commit()
        return (_blocks(connection) - before) / len(envelopes)


def _blocks(connection: Connection) -> int:
    connection.execute(text("SELECT pg_stat_force_next_flush()"))
    connection.commit()
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))
    found: int = connection.execute(
        text("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()")
    ).scalar_one()
    connection.commit()
    return found


def _make_idle(engine: Engine, by_hand: Engine, accounts: int) -> None:
    """Accounts in which nothing is due, each looked at once."""
    began_s = time.monotonic()
    with by_hand.begin() as connection:
        for each in _IDLE.split(";"):
            connection.execute(text(each), {"accounts": accounts} if ":accounts" in each else {})
    looks = 0
    while True:
        with transaction(engine) as connection:
            waiting = connection.execute(_IS_ANY_WAITING).scalar_one()
            STEPS["work"](connection)
            STEPS["alerts"](connection)
        if not waiting:
            break
        looks += 1
    _vacuum(by_hand)
    _say(f"{accounts:,} accounts made, and looked at by {looks} looks, in {time.monotonic() - began_s:.0f} s")


def _measure_looks(engine: Engine, bounds: Bounds) -> None:
    for name, step in STEPS.items():
        with engine.connect() as connection:
            for _ in range(3):
                spent = spent_by(connection, partial(step, connection))
                connection.rollback()
            buffers = sum(each.buffers for each in explain_all(connection, partial(step, connection)))
            connection.rollback()
        bounds.tell(
            f"look: {name}",
            ms=(1_000 * spent.alone, LOOK_MS_MAX),
            ms_in_all=(1_000 * spent.time, None),
            buffers=(buffers, LOOK_BUFFERS_MAX),
        )


def _measure_balance(engine: Engine, account_id: int, bounds: Bounds) -> None:
    calls: dict[str, Callable[[Connection], object]] = {
        "balance of 50,000 commits": lambda on: customer_balance(on, account_id=account_id, customer_id=LARGE),
        "net balance of 50,000 commits": lambda on: net_balance(
            on, account_id=account_id, customer_id=LARGE, access_type="SPEND"
        ),
    }
    for name, call in calls.items():
        with engine.connect() as connection:
            spent = min(
                (spent_by(connection, partial(call, connection)) for _ in range(3)), key=lambda each: each.alone
            )
            buffers = sum(each.buffers for each in explain_all(connection, partial(call, connection)))
        bounds.tell(
            name,
            ms=(1_000 * spent.alone, BALANCE_MS_MAX),
            ms_in_all=(1_000 * spent.time, None),
            buffers=(buffers, None),
        )


def _measure_reconcile(engine: Engine, account_id: int, bounds: Bounds) -> None:
    for name, since in (("reconcile", None), ("reconcile of an hour", utc_now() - timedelta(hours=1))):
        with engine.begin() as connection, _longest(engine) as longest:
            began_s = time.monotonic()
            found = reconcile(connection, account_id, since=since)
            seconds = time.monotonic() - began_s
        for each in found[:5]:
            _say(f"   {each}")
        bounds.tell(
            name,
            s=(seconds, RECONCILE_S_MAX),
            s_of_a_statement=(longest[0], STATEMENT_S_MAX),
            differences=(len(found), 0),
        )


@contextmanager
def _longest(engine: Engine) -> Iterator[list[float]]:
    """Seconds of the longest statement."""
    longest, began = [0.0], [0.0]

    def before(*_: object) -> None:
        began[0] = time.monotonic()

    def after(*_: object) -> None:
        longest[0] = max(longest[0], time.monotonic() - began[0])

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield longest
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def _say(told: str) -> None:
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
