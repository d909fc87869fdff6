"""What pages of lists cost at full size: `python -m tests.benchmarks.scale_lists`.

A Postgres of its own, as `trueup up` starts it, fills itself with valid rows: 3,000,000 commits with segments,
obligations, ledger entries and invoices, half of them one customer's, and 300,000 refused requests with their bodies,
parked messages, batches and audit rows. Indexes are made afterwards. Then every list is read for every set of filters
that it can have, under the plans of production: milliseconds of the whole page, the median of five, without those of
waiting for a processor that others had, with them, and the buffers of its statements.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

from sqlalchemy import Connection, Engine, create_engine, text

from tests.benchmarks.scheduled import spent_by
from tests.folders import servers_folder
from tests.integration.explained import explain_all
from tests.stored_lists import COMBINED, LARGE, LISTS, statements
from trueup.clock import utc_now
from trueup.store.accounts.accounts import create_account
from trueup.store.commits.search import CommitChoice
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.migrate import upgrade
from trueup.store.postgres.roles.names import APP, OWNER, ROLES
from trueup_worker.local.files.private import write_private
from trueup_worker.local.servers.postgres import SUPERUSER, start_postgres
from trueup_worker.reporting.usable import UsableCommits

MS_MAX = 50.0
_TIMES = 5
_DATABASE = "scale"
_INDEXES = text("""
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
      FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
     WHERE relname = ANY(ARRAY['commit', 'obligation', 'invoice', 'outcome', 'ledger_entry', 'segment'])
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
""")


def main() -> int:
    """Fill, measure, print; 1 where a page takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale_lists", description=__doc__)
    parser.add_argument("--commits", type=int, default=3_000_000)
    parser.add_argument("--refused", type=int, default=300_000)
    chosen = parser.parse_args()
    with migrated_database() as (engine, by_hand):
        began_s = time.monotonic()
        account_id = _fill(by_hand, commits=chosen.commits, others=chosen.refused)
        _say(f"filled in {time.monotonic() - began_s:.0f} s")
        with engine.connect() as connection:
            slow = [
                ms
                for name, given, read in _reads(account_id)
                if (ms := _measure(connection, name, given, read)) > MS_MAX
            ]
    _say(f"{len(slow)} pages take more than {MS_MAX:.0f} ms")
    return 1 if slow else 0


def _reads(account_id: int) -> Iterator[tuple[str, str, Callable[[Connection], object]]]:
    """Every list: its name, its filters, and how a page of it is read."""
    for name, read in LISTS.items():
        yield name, "", lambda on, read=read: read(on, account_id)  # type: ignore[misc]
    for name, (combined, choices) in COMBINED.items():
        for given in choices:
            told = ", ".join(f"{key}={value}" for key, value in given.items() if value is not None)
            yield name, told, lambda on, combined=combined, given=given: combined(on, account_id, given)  # type: ignore[misc]
    with_balances = CommitChoice(customer_id=LARGE)
    yield "commits with balances", "", lambda on: UsableCommits(on, account_id).page(limit=51)
    yield (
        "commits with balances",
        f"customer_id={LARGE}",
        lambda on: UsableCommits(on, account_id).page(limit=51, choice=with_balances),
    )


def _measure(connection: Connection, name: str, given: str, read: Callable[[Connection], object]) -> float:
    spent = [spent_by(connection, partial(read, connection)) for _ in range(_TIMES)]
    ms, whole_ms = (1_000 * median(each) for each in zip(*((one.alone, one.time) for one in spent), strict=True))
    buffers = sum(each.buffers for each in explain_all(connection, partial(read, connection)))
    connection.rollback()
    _say(
        f"{ms:8.1f} ms{whole_ms:8.1f} ms in all {buffers:8} buffers  {name}: {given}"
        + ("   SLOW" if ms > MS_MAX else "")
    )
    return ms


@contextmanager
def migrated_database() -> Iterator[tuple[Engine, Engine]]:
    """A migrated database; an engine as the application has it, and the superuser's."""
    with servers_folder() as folder:
        folder = folder / "postgres"  # noqa: PLW2901
        folder.mkdir(mode=0o711)
        for name in ("password", *(f"{role}.password" for role in ROLES)):
            write_private(folder / name, "password-of-every-role")
        server = start_postgres(folder)
        by_hand = create_engine(server.superuser_url.replace("postgresql://", "postgresql+psycopg://", 1))
        with by_hand.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {_DATABASE} OWNER {OWNER}"))
        engines = {role: make_engine(str(_url(by_hand, role))) for role in (OWNER, APP)}
        superuser = create_engine(by_hand.url.set(database=_DATABASE, username=SUPERUSER))
        try:
            upgrade(engines[OWNER])
            yield engines[APP], superuser
        finally:
            for each in (*engines.values(), by_hand, superuser):
                each.dispose()
            server.stop()


def _url(engine: Engine, role: str) -> str:
    return engine.url.set(database=_DATABASE, username=role).render_as_string(hide_password=False)


def _fill(by_hand: Engine, *, commits: int, others: int) -> int:
    """Store the rows of an account."""
    with by_hand.begin() as connection:
        account_id = create_account(connection, "large", now=utc_now()).id
        indexes = connection.execute(_INDEXES).all()
        for each in indexes:
            connection.execute(text(f"DROP INDEX {each.name}"))
        for statement in statements(account_id, commits=commits, others=others):
            began_s = time.monotonic()
            connection.execute(text(statement))
            _say(f"{time.monotonic() - began_s:6.0f} s  {' '.join(statement.split())[:60]}")
        for each in indexes:
            connection.execute(text(each.definition))
    with by_hand.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return account_id


def _say(told: str) -> None:
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
