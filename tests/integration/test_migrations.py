"""The migrations make the tables that the code describes, and can be taken back."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

import trueup.store
from tests.acceptance.processes import wait_for
from tests.conftest import RunningServices, by_hand
from trueup.store.postgres import migrate
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.index_builds import build_index, remove_index
from trueup.store.postgres.migrate import downgrade, pending_revisions, upgrade
from trueup.store.postgres.roles.names import OWNER
from trueup.store.tables import metadata

VERSIONS = Path(trueup.store.__file__).parent / "migrations" / "versions"
RELEASED = {  # what databases out there have run: a change goes into a migration of its own
    "0001_the_tables.py": "43ee9a036c07a16ef794098a800e2ec5baf9540df4a9579b51b37e9261f624df",
    "0002_usage_and_what_closes_it.py": "216eafb0f49985708315d7f0c5198b9fe1aeae50973dccb79ee5846d43df9275",
    "0003_changes_of_commits.py": "fa415013b7d2286d3f715b6d50abfc6781a7737d18f793fd52e0a1824d5648e5",
    "0004_what_the_sdk_keeps.py": "f5427a1cad247f6fc1afc907d212f6a5284940d836975f5f77a7e0bc1c52a173",
    "0005_where_the_ids_of_kept_envelopes_lie.py": "00829b93ced350a78ce9894e7c4fbafd6e1537af98afe82d39536bba6bb592dd",
}
SPELT_OTHERWISE = {"segment_expiring_idx"}  # Postgres writes its expression in another way than we do


def differences(connection: Connection) -> list[Any]:
    """What alembic would still change."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    found = [
        each
        for entry in compare_metadata(context, metadata)
        for each in (entry if isinstance(entry, list) else [entry])
    ]
    return [each for each in found if getattr(each[1], "name", None) not in SPELT_OTHERWISE]


def test_they_make_the_tables(database: Engine) -> None:
    """Names, types, defaults, indexes and comments."""
    with database.begin() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("revision", ["0003", "0001"])
def test_back_and_up_again(owned: Engine, revision: str) -> None:
    """A database of an earlier release is brought up to date by the very same steps."""
    downgrade(owned, revision)
    with owned.begin() as connection:
        assert pending_revisions(connection)
    upgrade(owned)
    with owned.begin() as connection:
        assert differences(connection) == []


def test_a_build_that_had_some_of_it_before(owned: Engine) -> None:
    """Its databases have three columns of the sixth migration, and are brought up to date as well."""
    downgrade(owned, "0005")
    with owned.begin() as connection:
        connection.execute(text("ALTER TABLE usage_month ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now()"))
        connection.execute(text("ALTER TABLE invoice_line ADD COLUMN hours smallint[]"))
        connection.execute(text("ALTER TABLE commit ADD COLUMN widened_at timestamptz"))
    upgrade(owned)
    with owned.begin() as connection:
        missing = [each for each in differences(connection) if each[0] != "modify_comment"]
        assert missing == []


@pytest.mark.parametrize("name", RELEASED)
def test_what_was_released_stays(name: str) -> None:
    """Whoever has run it would never see a change."""
    assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == RELEASED[name]


@pytest.fixture
def empty(services: RunningServices) -> Iterator[Engine]:
    """A database without tables, as its owner connects to it."""
    services.create("without_tables")
    engine = make_engine(services.database("without_tables", role=OWNER), pool_size=5)
    yield engine
    engine.dispose()
    services.drop("without_tables")


def between_two_looks(on: Engine) -> int:
    """How many sessions wait for the migrations' lock, with no transaction open."""
    asked = "state = 'idle' AND query = 'COMMIT' AND datname = current_database()"
    with by_hand(on) as connection:
        return connection.execute(text(f"SELECT count(*) FROM pg_stat_activity WHERE {asked}")).scalar_one()


def test_of_two_at_once_one_waits(empty: Engine) -> None:
    """Both end well; who waits has no transaction open, which a concurrent build of an index would wait for."""
    told: list[str] = []
    with ThreadPoolExecutor(2) as pool, by_hand(empty) as holder:
        holder.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migrate._ONE_AT_A_TIME})
        both = [pool.submit(upgrade, empty, tell=told.append) for _ in range(2)]
        wait_for(lambda: between_two_looks(empty) == 2, what="both to wait")
        holder.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": migrate._ONE_AT_A_TIME})
        for each in both:
            each.result(60)
    assert told == ["another migration runs; waiting for it"] * 2
    with empty.begin() as connection:
        assert pending_revisions(connection) == []


@pytest.mark.slow  # the five seconds that a migration waits for a lock
def test_a_migration_that_is_blocked_is_tried_again(owned: Engine) -> None:
    """Who holds its table for longer than it may wait ends nothing; what ran before it stays."""
    downgrade(owned, "0029")
    told: list[str] = []
    with ThreadPoolExecutor(1) as pool, by_hand(owned) as writer:
        writer.exec_driver_sql("LOCK TABLE webhook_delivery IN ROW EXCLUSIVE MODE")
        running = pool.submit(upgrade, owned, tell=told.append)
        assert "0031" in wait_for(lambda: told, what="a try in vain")[0]
        with by_hand(owned) as connection:
            assert pending_revisions(connection)[0] == "0031"
        writer.rollback()
        running.result(60)
    with owned.begin() as connection:
        assert pending_revisions(connection) == []


def in_migration(on: Engine, step: Callable[[], None]) -> None:
    """Runs a step as a migration of its own does."""
    with on.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            step()


def is_valid(on: Engine) -> bool | None:
    """Whether the index of these tests is used; None where it is not there."""
    with on.begin() as connection:
        found = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('account_of_test_idx')"
        return connection.execute(text(found)).scalar()


def test_an_index_that_was_cut_short_is_built_anew(owned: Engine) -> None:
    """What a build left that failed is not used; the next run takes it away, and what is there and valid stays."""
    with owned.begin() as connection:
        connection.exec_driver_sql("INSERT INTO account (name, locale) VALUES ('a', 'de'), ('b', 'de')")

    def build() -> None:
        build_index("account_of_test_idx", "account", ["locale"], unique=True)

    with pytest.raises(IntegrityError):
        in_migration(owned, build)
    assert is_valid(owned) is False
    with owned.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET locale = 'fr' WHERE name = 'b'")
    in_migration(owned, build)
    assert is_valid(owned)
    in_migration(owned, build)
    in_migration(owned, lambda: remove_index("account_of_test_idx"))
    assert is_valid(owned) is None


def test_an_index_is_built_while_others_write(owned: Engine) -> None:
    """It waits for the transactions that are open, nobody who begins to write waits for it."""
    with ThreadPoolExecutor(1) as pool, by_hand(owned) as writer:
        writer.exec_driver_sql("INSERT INTO account (name) VALUES ('a')")
        building = pool.submit(in_migration, owned, lambda: build_index("account_of_test_idx", "account", ["locale"]))
        wait_for(lambda: is_valid(owned) is False, what="the build to begin")
        with by_hand(owned) as another:
            another.exec_driver_sql("SET LOCAL lock_timeout = '1s'; INSERT INTO account (name) VALUES ('b')")
        assert not building.done()
        writer.commit()
        building.result(60)
    assert is_valid(owned)
