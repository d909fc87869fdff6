"""`trueup migrate` beside a pooler: it needs a session, and says how to give it one."""

from pathlib import Path

from sqlalchemy import Engine, make_url

from tests.acceptance.command import Command
from tests.conftest import SECRET_KEY, RunningServices
from tests.folders import servers_folder
from tests.services.pgbouncer import pgbouncer
from trueup.store.postgres.migrate import downgrade
from trueup.store.postgres.roles.names import OWNER


def test_by_a_pooler_it_looks_and_does_nothing(services: RunningServices, owned: Engine, tmp_path: Path) -> None:
    """What is missing is told; who would run it is sent past the pooler, where it runs."""
    downgrade(owned, "0030")
    name = str(owned.url.database)
    with servers_folder() as folder, pgbouncer(folder / "pgbouncer", services) as pooler:
        pooled = make_url(f"{pooler.url}/{name}").set(username=OWNER).render_as_string(hide_password=False)
        given = {
            "TRUEUP_DATABASE_URL": pooled,
            "TRUEUP_DATABASE_POOLER": "transaction",
            "TRUEUP_SECRET_KEY": SECRET_KEY,
        }
        command = Command(tmp_path / "data", tmp_path, given)
        looked = command("migrate", "--check")
        assert (looked.code, "0031" in looked.stderr) == (1, True)
        refused = command("migrate")
        assert (refused.code, "TRUEUP_DATABASE_DIRECT_URL" in refused.stderr) == (7, True)
        direct = services.database(name, role=OWNER)
        assert "0031" in command.ok("migrate", TRUEUP_DATABASE_DIRECT_URL=direct).stderr
        assert command("migrate", "--check").code == 0
