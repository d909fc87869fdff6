"""What the producers' processes run: `python -m tests.chaos.producing kept | files FOLDER`.

    kept    submits each request through `CommitProducer`, which keeps it, and notes which submissions returned
    files   ingests each file, as `trueup ingest` does

Both work on every file that appears in the folder, and resume after having been killed.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

import trueup.producer.ingest as ingesting
from trueup.ids import row_id
from trueup.producer.client import CommitProducer
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan
from trueup.producer.ingest import Ingest, name_batch
from trueup.producer.publish import BrokerUnavailable, Publisher
from trueup.producer.signer import Signer
from trueup.readiness import announce_ready
from trueup.settings import settings
from trueup.store.accounts.accounts import account_named
from trueup.store.postgres.engine import engine, transaction
from trueup.wire.message import packing
from trueup_worker.local.folder import DataFolder

ENVELOPE_REQUESTS = 6  # small envelopes, so that there are many
SUBMITTERS = 8
POLL_S = 0.05
RETRY_S = 2.0
INGEST_PATIENCE_S = 1.0

_AWAY = (BrokerUnavailable, DatabaseUnavailable, DBAPIError)

log = structlog.get_logger()


class Job:
    """A file to be sent; its name says on whose behalf, and under which batch: `<account>.<batch id>.<how>.jsonl`."""

    def __init__(self, path: Path, folder: DataFolder) -> None:
        self.path = path
        self.account, batch_id, _, _ = path.name.split(".")
        self.batch_id = UUID(batch_id)
        self.token = folder.token(self.account) or ""
        self._noted = path.with_suffix(".noted")
        self._lock = Lock()

    def noted(self) -> set[int]:
        """The rows whose submission returned, by number."""
        return set(map(int, self._noted.read_text().splitlines())) if self._noted.exists() else set()

    def note(self, row: Row) -> None:
        """From now on this row is never submitted again."""
        with self._lock, self._noted.open("a") as file:
            file.write(f"{row.number}\n")


def done_mark(path: Path) -> Path:
    """The file that says that there is nothing left to do for a job."""
    return path.with_suffix(".done")


def submit_kept(job: Job) -> None:
    """Submits every row once, again only where it is not known whether it was kept."""
    config = settings()
    producer = CommitProducer(
        broker_url=str(config.broker_url),
        token=job.token,
        account=job.account,
        database_url=str(config.database_url),
        validate=False,
        retry_s=RETRY_S,
        resend_after_s=config.lease_s,
    )

    def submit(row: Row) -> None:
        request_id = row_id(job.batch_id, row.number)
        _insist(
            lambda: producer.submit(row.text, kind=row.kind, idempotency_key=row.idempotency_key, id=request_id),
            job,
        )
        job.note(row)

    noted = job.noted()
    with producer, open_source(job.path) as source, ThreadPoolExecutor(SUBMITTERS) as threads:
        list(threads.map(submit, (row for row in rows(source) if row.number not in noted)))


def ingest_file(job: Job) -> None:
    """Ingests the file until every row has an outcome."""
    with transaction(engine()) as connection:
        account = account_named(connection, job.account)
    assert account is not None
    with open_source(job.path) as source:
        scanned = scan(source)
        batch = name_batch(source, scanned, account=job.account, kind="commit", name=str(job.batch_id), new=False)
        signer = Signer.of_token(job.token)
        with Publisher(str(settings().broker_url), account=job.account, signer=signer, retry_s=RETRY_S) as publisher:
            Ingest(
                source=source,
                scanned=scanned,
                batch=batch,
                account_id=account.id,
                engine=engine(),
                publisher=publisher,
                progress=lambda *_: None,
            ).run()


PRODUCERS = {"kept": submit_kept, "files": ingest_file}


def _insist(act: Callable[[], object], job: Job) -> None:
    """Repeats what fails because a service is away."""
    while True:
        try:
            act()
        except _AWAY as error:
            log.warning("service away", action="chaos_producer_waits", job=job.path.name, error=str(error)[:300])
            time.sleep(POLL_S)
        else:
            return


def _produce(how: str, job: Job) -> None:
    _insist(lambda: PRODUCERS[how](job), job)
    done_mark(job.path).touch()


def main(how: str, folder: DataFolder) -> None:
    """Works until it is killed."""
    vars(packing)["ENVELOPE_REQUESTS_MAX"] = ENVELOPE_REQUESTS
    vars(ingesting)["_RESEND_AFTER_S"] = INGEST_PATIENCE_S
    started: dict[Path, Future[None]] = {}
    announce_ready()
    with ThreadPoolExecutor() as threads:
        while True:
            for path in sorted((folder.path / "jobs").glob(f"*.{how}.jsonl")):
                if path not in started and not done_mark(path).exists():
                    started[path] = threads.submit(_produce, how, Job(path, folder))
            for path in [path for path, produced in started.items() if produced.done()]:
                started.pop(path).result()
            time.sleep(POLL_S)


if __name__ == "__main__":
    main(sys.argv[1], DataFolder(Path(sys.argv[2])))
