"""The migrations make the tables that the code describes, and can be taken back."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

import trueup.store
from trueup.store.postgres.migrate import downgrade, pending_revisions, upgrade
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
    with owned.begin() as connection:
        downgrade(connection, revision)
        assert pending_revisions(connection)
        upgrade(connection)
        assert differences(connection) == []


def test_a_build_that_had_some_of_it_before(owned: Engine) -> None:
    """Its databases have three columns of the sixth migration, and are brought up to date as well."""
    with owned.begin() as connection:
        downgrade(connection, "0005")
        connection.execute(text("ALTER TABLE usage_month ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now()"))
        connection.execute(text("ALTER TABLE invoice_line ADD COLUMN hours smallint[]"))
        connection.execute(text("ALTER TABLE commit ADD COLUMN widened_at timestamptz"))
        upgrade(connection)
        missing = [each for each in differences(connection) if each[0] != "modify_comment"]
        assert missing == []


@pytest.mark.parametrize("name", RELEASED)
def test_what_was_released_stays(name: str) -> None:
    """Whoever has run it would never see a change."""
    assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == RELEASED[name]
