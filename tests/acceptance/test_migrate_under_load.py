"""A migration of the next release while this one works: no caller notices, nothing is parked, and it starts on it."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from tests.acceptance.processes import Fleet, Process, wait_for
from tests.acceptance.test_rolling import calling, processes  # noqa: F401 (a fixture)
from tests.conftest import by_hand
from tests.integration.intake import Intake
from trueup.store.postgres import migrate
from trueup_worker.reporting.reconcile import reconcile

COLUMNS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9001", "{head}", None, None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("account", "token", "commit", "segment", "obligation", "outcome", "intake", "outbox", "feed"):
        op.add_column(table, sa.Column("of_the_next_release", sa.Text()))


def downgrade() -> None:
    raise NotImplementedError
"""
INDEX = """
from trueup.store.postgres.index_builds import build_index

revision, down_revision, branch_labels, depends_on = "9002", "9001", None, None


def upgrade() -> None:
    build_index("commit_of_the_next_release_idx", "commit", ["of_the_next_release"])


def downgrade() -> None:
    raise NotImplementedError
"""
COMMITS = 100  # before, between and after the steps


def upgrade_to(owned: Engine, expected: list[str]) -> None:
    """Runs what is missing, which must be this."""
    assert migrate.upgrade(owned) == expected


@pytest.fixture
def next_release(tmp_path: Path, owned: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Brings the database to the release after this one, which adds columns to all that is busy, and an index."""
    ours = migrate._config
    with owned.begin() as connection:
        head = ScriptDirectory.from_config(ours(connection)).get_current_head()
    versions = tmp_path / "versions"
    versions.mkdir()
    for name, step in (("9001_columns.py", COLUMNS), ("9002_index.py", INDEX)):
        (versions / name).write_text(step.replace("{head}", str(head)))

    def with_theirs(connection: Connection) -> Config:
        config = ours(connection)
        released = f"{config.get_main_option('script_location')}/versions"
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{released}\n{versions}")
        return config

    monkeypatch.setattr(migrate, "_config", with_theirs)
    return lambda: upgrade_to(owned, ["9001", "9002"])


@pytest.mark.slow
def test_no_caller_notices(
    database: Engine,
    processes: Fleet,  # noqa: F811
    next_release: Callable[[], None],
) -> None:
    """Calls go on while tables get columns, an index is built and grants are renewed; then this release starts anew."""

    def start() -> list[Process]:
        return [processes.worker("commits,commits.bulk"), processes._start(["trueup_worker.gateway"], {})]

    account = Intake(database)

    def wait_for_more() -> None:
        before = account.count("commit")
        wait_for(lambda: account.count("commit") >= before + COMMITS, what="more commits")

    first = start()
    with calling(f"http://127.0.0.1:{processes.settings['TRUEUP_HTTP_PORT']}", account.token) as errors:
        wait_for_more()
        next_release()
        wait_for_more()
        start()
        for process in first:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        wait_for_more()
    assert errors == []
    assert account.count("parked") == 0
    with by_hand(database) as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'commit_of_the_next_release_idx'::regclass"
        assert connection.execute(text(valid)).scalar_one()
        assert reconcile(connection) == []
