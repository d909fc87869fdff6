"""`python -m trueup_worker.run NAME QUEUE…`: a worker process of the Procfile.

It does what `celery -A trueup_worker.celery.app worker -P solo -Q QUEUE,…` does, without gossip, mingle and heartbeats.
Celery's own command line is left out: importing it is a good part of the start.
"""

import os
import sys

from trueup.settings import settings
from trueup.store.postgres.engine import engine
from trueup_worker.celery.app import app
from trueup_worker.observability.exposition import serve_metrics


def main() -> int:
    """Work until it is told to stop; returns the exit code."""
    name, *queues = sys.argv[1:]
    serve_metrics(settings(), name, engine=engine())
    worker = app.Worker(
        hostname=f"{name}-{os.getpid()}@%h",
        pool_cls="solo",
        queues=queues,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
