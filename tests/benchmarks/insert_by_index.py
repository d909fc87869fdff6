"""What indexes and triggers cost the insert of commits: `python -m tests.benchmarks.insert_by_index`.

Databases are alike but for these indexes and triggers: one has all of them, one lacks all, and one lacks each. The same
envelopes of 500 requests go into all by turns, so that a machine that gets slower does so for each; told are medians of
ratios, of the time and of the server process's CPU, which is not another's at the same time.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median

from sqlalchemy import Engine, TextClause, create_engine, text

from tests.benchmarks.ceiling import Parameters, statements_of
from tests.benchmarks.scale_lists import migrated_database
from tests.benchmarks.scheduled import Spent, spent_by
from tests.benchmarks.workload import Workload
from trueup.clock import utc_now
from trueup.limits import ENVELOPE_REQUESTS_MAX
from trueup.store.accounts.accounts import create_account
from trueup.store.catalog.catalog import load_catalog
from trueup.store.postgres.engine import make_engine
from trueup.store.requests import commit_inserts as intake

_SEED = 20_261_129
_INDEXES = ("commit_account_id_name_id_idx", "segment_starting_idx", "segment_ending_idx")  # of finding and of alerts
_WHOLE = "scale"
_WARM_UP_SHARE = 5
# A database that is copied has none.
_END_SESSIONS = text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{_WHOLE}'")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.insert_by_index", description=__doc__)
    parser.add_argument("--envelopes", type=int, default=300)
    parser.add_argument("--indexes", nargs="+", default=_INDEXES, metavar="NAME", help="a trigger's is TABLE.NAME")
    options = parser.parse_args()
    lacking = {f"without_{number}": [index] for number, index in enumerate(options.indexes)}
    if len(lacking) > 1:
        lacking["without_any"] = list(options.indexes)
    with migrated_database() as (whole, by_hand), _databases(whole, by_hand, lacking) as engines:
        costs = _costs(engines, options.envelopes)
    for name, indexes in lacking.items():
        of_time = median(one[_WHOLE].time / one[name].time for one in costs)
        of_cpu = median(one[_WHOLE].server_cpu / one[name].server_cpu for one in costs)
        sys.stdout.write(f"{of_time:.3f} of the time, {of_cpu:.3f} of the CPU with {', '.join(indexes)}\n")


@contextmanager
def _databases(whole: Engine, by_hand: Engine, lacking: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Engine]]:
    """An engine for each: of the whole database, and of copies that lack indexes."""
    whole.dispose()
    by_hand.dispose()
    urls = {name: whole.url.set(database=name).render_as_string(hide_password=False) for name in lacking}
    engines = {_WHOLE: whole} | {name: make_engine(url) for name, url in urls.items()}
    server = create_engine(by_hand.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    for name, indexes in lacking.items():
        with server.connect() as connection:
            connection.execute(_END_SESSIONS)
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_WHOLE}"))
        owner = create_engine(by_hand.url.set(database=name))
        with owner.begin() as connection:
            for index in indexes:
                connection.execute(_drop(index))
        owner.dispose()
    server.dispose()
    try:
        yield engines
    finally:
        for engine in engines.values():
            engine.dispose()


def _drop(name: str) -> TextClause:
    table, _, trigger = name.partition(".")
    return text(f"DROP TRIGGER {trigger} ON {table}" if trigger else f"DROP INDEX {name}")


def _costs(engines: Mapping[str, Engine], envelopes: int) -> list[dict[str, Spent]]:
    workload = Workload(_SEED)
    catalog, account_ids = workload.catalog(), set()
    for engine in engines.values():
        with engine.begin() as connection:
            account_ids.add(account_id := create_account(connection, "insert", now=utc_now()).id)
            load_catalog(connection, account_id, catalog)
    assert len(account_ids) == 1
    requests = list(workload.requests(ENVELOPE_REQUESTS_MAX * envelopes))
    costs, names = [], list(engines)
    for turn, parameters in enumerate(statements_of(account_id, requests)):
        at = turn % len(names)
        costs.append({name: _spent(engines[name], parameters) for name in (*names[at:], *names[:at])})
    return costs[len(costs) // _WARM_UP_SHARE :]


def _spent(engine: Engine, parameters: Parameters) -> Spent:
    with engine.connect() as connection:

        def insert() -> None:
            intake._INSERT_NEW.run(connection, parameters)
            connection.commit()

        return spent_by(connection, insert)


if __name__ == "__main__":
    main()
