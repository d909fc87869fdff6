"""`python -m tests.fuzz --seconds 120`: exit code 1 when a promise was broken, with the batch that broke it."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from tests.acceptance.processes import fleet
from tests.acceptance.watch import Watch
from tests.folders import servers_folder
from tests.fuzz.fuzzing import fuzz
from tests.integration.intake import Intake
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.migrate import upgrade
from trueup.wire.message.names import QUEUES
from trueup_worker.local.servers.postgres import start_postgres
from trueup_worker.local.servers.valkey import start_valkey


def main() -> int:
    """Fuzzes for as long as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first batch; by default, the time")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"seed {asked.seed}", flush=True)
    with watched() as (watch, folder):
        try:
            done = fuzz(watch, (folder / "process-0.log").read_text, seconds=asked.seconds, seed=asked.seed)
        except AssertionError as broken:
            print(broken)
            return 1
    print(f"{done.batches} batches, {done.odd} odd messages: no death, nothing lost; at most {done.peak_mb:.0f} MB")
    return 0


@contextmanager
def watched() -> Iterator[tuple[Watch, Path]]:
    """A worker on services of its own, and the folder of its log."""
    with ExitStack() as stack:
        folder = stack.enter_context(servers_folder())
        postgres = start_postgres(folder / "postgres")
        stack.callback(postgres.stop)
        valkey = start_valkey(folder / "valkey")
        stack.callback(valkey.stop)
        engine, owner = make_engine(postgres.url), make_engine(postgres.owner_url)
        stack.callback(engine.dispose)
        upgrade(owner)
        owner.dispose()
        running = stack.enter_context(fleet(postgres.url, valkey.url, folder, TRUEUP_LOG_FORMAT="json"))
        worker = running.worker(",".join(QUEUES), TRUEUP_LOG_LEVEL="INFO")
        broker = stack.enter_context(redis.Redis.from_url(valkey.url))
        yield Watch(worker, Intake(engine), broker), folder


if __name__ == "__main__":
    sys.exit(main())
