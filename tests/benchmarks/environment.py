"""The stack that is measured: what `trueup up` runs, and the naive workers beside it, in a temporary data folder."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, text

from tests.benchmarks.naive import QUEUE, QUEUE_TUNED
from trueup.clock import utc_now
from trueup.store.accounts.accounts import account_named, create_account
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup.store.catalog.catalog import load_catalog
from trueup.store.postgres.engine import make_engine
from trueup.wire.catalog import Catalog
from trueup_worker.cli.stack.up import prepare
from trueup_worker.cli.terminal.context import DEFAULT_ACCOUNT
from trueup_worker.local.console import Console
from trueup_worker.local.folder import DataFolder, State
from trueup_worker.local.stack import Stack

ROOT = Path(__file__).parents[2]
WORKERS = 2  # processes each way: Trueup's `bulk` and `invoices`, the naive ones, the ceiling's connections
# As Celery's tutorial starts a worker, and as one who has measured would: without a pool's pipes, without logs.
_NAIVE = f"""
naive: exec celery -A tests.benchmarks.naive worker --loglevel=INFO --concurrency={WORKERS} -n naive@%h -Q {QUEUE}
tuned: exec celery --quiet -A tests.benchmarks.naive worker -P solo -n tuned-$$@%h -Q {QUEUE_TUNED} -l WARNING
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An account with the catalog, and a token to write with."""

    id: int
    name: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Environment:
    """Where everything answers."""

    folder: DataFolder
    state: State
    engine: Engine
    owner: Engine
    secret_key: str = field(repr=False)
    scratch: Path

    def tenant(self, name: str, catalog: Catalog, *, sandbox: bool = False) -> Tenant:
        """A new account; a sandbox's clock stands still."""
        with self.engine.begin() as connection:
            account_id = create_account(connection, name, sandbox=sandbox, now=utc_now()).id
            load_catalog(connection, account_id, catalog)
            token = create_token(connection, account_id=account_id, scopes=SCOPES, secret_key=self.secret_key)
        return Tenant(account_id, name, token)

    def load_default(self, catalog: Catalog) -> int:
        """Loads the catalog of the account that the command works on; its id."""
        with self.engine.begin() as connection:
            account = account_named(connection, DEFAULT_ACCOUNT)
            assert account is not None
            load_catalog(connection, account.id, catalog)
        return account.id

    def count(self, table: str, account_id: int) -> int:
        """How many rows an account has in a table."""
        with self.engine.connect() as connection:
            return count_rows(connection, table, account_id)


def count_rows(connection: Connection, table: str, account_id: int) -> int:
    """How many rows an account has in a table."""
    query = text(f"SELECT count(*) FROM {table} WHERE account_id = :account_id")
    return int(connection.execute(query, {"account_id": account_id}).scalar_one())


@contextmanager
def data_folder() -> Iterator[DataFolder]:
    """A folder that is gone afterwards."""
    with TemporaryDirectory(prefix="trueup-bench-") as home:
        Path(home).chmod(0o711)  # as root, Postgres runs as somebody else, who must find the way
        yield DataFolder(Path(home, "data"))


@contextmanager
def running_stack(folder: DataFolder) -> Iterator[Environment]:
    """Starts the stack, and stops all of it at the end; its data stays."""
    with _processes(folder) as (state, owner_url):
        engine, owner = make_engine(state.database), make_engine(owner_url)
        try:
            yield Environment(folder, state, engine, owner, folder.secret_key(), folder.path.parent)
        finally:
            engine.dispose()
            owner.dispose()


@contextmanager
def _processes(folder: DataFolder) -> Iterator[tuple[State, str]]:
    """Runs the Procfile in a data folder, and the naive workers; gives the URL of the schema's owner too."""
    stack = Stack(
        folder,
        {**os.environ, "PYTHONPATH": str(ROOT), "TRUEUP_WEBHOOK_LOOPBACK": "true"},
        procfile=(ROOT / "Procfile").read_text(encoding="utf-8") + _NAIVE,
        prepare=partial(prepare, folder),
        console=Console(sys.stderr, echo=False),
        concurrency={"bulk": WORKERS, "invoices": WORKERS, "tuned": WORKERS},
    )
    with folder.lock():
        try:
            state, owner_url = stack.start(), stack._services.owner_url()
            assert state is not None
            assert owner_url is not None
            yield state, owner_url
        finally:
            stack.stop()


def wait_until(condition: Callable[[], bool], *, seconds_max: float, interval_s: float = 0.02) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: it did not come true in time.
    """
    deadline_s = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {seconds_max} s in vain")
        time.sleep(interval_s)
