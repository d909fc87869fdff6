"""What indexes cost the insert of commits: `python -m tests.benchmarks.insert_by_index`.

Two databases are alike but for these indexes. The same envelopes of 500 requests go into both by turns, so that a
machine that gets slower does so for both; told is the median of the pairs' ratios.
"""

import argparse
import sys
import time
from statistics import median

from sqlalchemy import Engine, create_engine, text

from tests.benchmarks.ceiling import statements_of
from tests.benchmarks.scale_lists import migrated_database
from tests.benchmarks.workload import Workload
from trueup.clock import utc_now
from trueup.store.accounts.accounts import create_account
from trueup.store.catalog.catalog import load_catalog
from trueup.store.requests import commit_inserts as intake

_SEED = 20_261_129
_INDEXES = ("commit_account_id_name_id_idx", "segment_starting_idx", "segment_ending_idx")  # of finding and of alerts
# A database that is copied has none.
_END_SESSIONS = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'scale'")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.insert_by_index", description=__doc__)
    parser.add_argument("--envelopes", type=int, default=300)
    parser.add_argument("--indexes", nargs="+", default=_INDEXES, metavar="NAME")
    options = parser.parse_args()
    envelopes, indexes = options.envelopes, options.indexes
    with migrated_database() as (without, by_hand):
        without.dispose()
        server = create_engine(by_hand.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        by_hand.dispose()
        with server.connect() as connection:
            connection.execute(_END_SESSIONS)
            connection.execute(text("CREATE DATABASE indexed TEMPLATE scale"))
        with by_hand.begin() as connection:
            for index in indexes:
                connection.execute(text(f"DROP INDEX {index}"))
        indexed = create_engine(without.url.set(database="indexed"))
        ratios = _ratios(without, indexed, envelopes)
        for engine in (indexed, server):
            engine.dispose()
    sys.stdout.write(f"{envelopes} envelopes: with {', '.join(indexes)} {median(ratios):.3f} of the time\n")


def _ratios(without: Engine, indexed: Engine, envelopes: int) -> list[float]:
    workload = Workload(_SEED)
    catalog, account_ids = workload.catalog(), []
    for engine in (without, indexed):
        with engine.begin() as connection:
            account_ids.append(create_account(connection, "insert", now=utc_now()).id)
            load_catalog(connection, account_ids[-1], catalog)
    assert account_ids[0] == account_ids[1]
    ratios = []
    for turn, parameters in enumerate(statements_of(account_ids[0], list(workload.requests(500 * envelopes)))):
        pair = (without, indexed) if turn % 2 else (indexed, without)
        seconds = {engine: _seconds(engine, parameters) for engine in pair}
        ratios.append(seconds[indexed] / seconds[without])
    return ratios[len(ratios) // 5 :]  # the first ones warm up


def _seconds(engine: Engine, parameters: intake.Json) -> float:
    with engine.connect() as connection:
        began_s = time.perf_counter()
        intake._INSERT_NEW.run(connection, parameters)
        connection.commit()
        return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
