"""`trueup migrate`: own servers, with the three roles that `deploy/README.md` has their administrator make."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.command import Command
from tests.conftest import SECRET_KEY, RunningServices
from tests.integration.test_secret_key import ANOTHER
from trueup.store.postgres.roles.names import OWNER

pytestmark = pytest.mark.slow


@pytest.fixture
def own_servers(services: RunningServices, tmp_path: Path) -> Iterator[Command]:
    """The command beside an empty database of the owner's, and no stack."""
    services.create("of_their_own")
    urls = {
        "TRUEUP_DATABASE_URL": services.database("of_their_own"),
        "TRUEUP_DATABASE_DIRECT_URL": services.database("of_their_own", role=OWNER),
        "TRUEUP_BROKER_URL": services.redis_url,
        "TRUEUP_SECRET_KEY": SECRET_KEY,
    }
    yield Command(tmp_path / "data", tmp_path, urls)
    services.drop("of_their_own")


def test_the_owner_migrates_and_the_application_works(own_servers: Command) -> None:
    """Behind it says so with 1; the application's role is told who must; then it works, and none is missing."""
    assert own_servers("migrate", "--check").code == 1
    as_application = own_servers("migrate", TRUEUP_DATABASE_DIRECT_URL="")
    assert (as_application.code, "TRUEUP_DATABASE_DIRECT_URL" in as_application.stderr) == (2, True)
    assert "0001, " in own_servers.ok("migrate").stderr
    assert "none" in own_servers.ok("migrate", "--check", TRUEUP_DATABASE_DIRECT_URL="").stderr
    own_servers.ok("accounts", "create", "acme")
    own_servers.ok("commits", "list", "--account", "acme")
    roles = {
        url: next(each for each in own_servers("doctor", "--json", TRUEUP_DATABASE_URL=url).json()
                  if each["check"] == "role")
        for url in (own_servers.environ["TRUEUP_DATABASE_URL"], own_servers.environ["TRUEUP_DATABASE_DIRECT_URL"])
    }  # fmt: skip
    application, owner = roles.values()
    assert (application["ok"], application["found"][:10]) == (True, "trueup_app")
    assert (owner["ok"], owner["advice"]) == (False, "connect as trueup_app, once `trueup migrate` has run")
    with psycopg.connect(own_servers.environ["TRUEUP_DATABASE_DIRECT_URL"]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert own_servers("migrate").code == 2


def test_a_secret_key_that_is_lost(own_servers: Command, tmp_path: Path) -> None:
    """Once the owner has accepted another, tokens made before sign no more: `ingest` says so at once, with 8."""
    own_servers.ok("migrate")
    own_servers.ok("accounts", "create", "acme")
    lost = {"TRUEUP_SECRET_KEY": ANOTHER}
    (tmp_path / "rows.jsonl").write_text("{}")
    ingest = ("ingest", tmp_path / "rows.jsonl", "--account", "acme")
    assert own_servers(*ingest, **lost).code == 2
    own_servers.ok("migrate", "--accept-secret-key", **lost)
    refused = own_servers(*ingest, **lost)
    assert (refused.code, "create another" in refused.stderr) == (8, True)
    assert own_servers("tokens", "list", "--account", "acme", **lost).code == 0


def test_another_secret_key(own_servers: Command, tmp_path: Path) -> None:
    """What the previous one had sealed is sealed anew: a token that was made before enqueues on."""
    own_servers.ok("migrate")
    own_servers.ok("accounts", "create", "acme")
    (tmp_path / "previous").write_text(f"{SECRET_KEY}\n")
    new = {"TRUEUP_SECRET_KEY": ANOTHER}
    assert "2 tokens" in own_servers.ok("migrate", "--reseal-from", tmp_path / "previous", **new).stderr
    (tmp_path / "rows.jsonl").write_text("{}")
    judged = own_servers("ingest", tmp_path / "rows.jsonl", "--account", "acme", "--dry-run", **new)
    assert judged.code == 3, judged.stderr
    assert own_servers("migrate", "--reseal-from", tmp_path / "previous", **new).code == 2
