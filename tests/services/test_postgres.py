"""Debian's Postgres 15 does the main job; one that nobody vouches for, or that cannot be worked with, is refused."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tests import bodies
from tests.acceptance.command import Command
from tests.acceptance.gateway import gateway
from tests.acceptance.processes import fleet, wait_for
from tests.conftest import SECRET_KEY, RunningServices
from tests.folders import servers_folder
from tests.integration.intake import Intake
from tests.integration.test_session_zone import life
from tests.services.certificates import make_certificates
from tests.services.conftest import POSTGRES_15
from trueup.store.postgres.connecting import UnusableDatabase, connect
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.roles.names import OWNER
from trueup.wire.message.names import QUEUES
from trueup_worker.local.external import UnreachableError, check_external
from trueup_worker.local.servers.postgres import Postgres, start_postgres
from trueup_worker.local.servers.unprivileged import run_as_for
from trueup_worker.reporting.reconcile import reconcile

NAME = "db.example"


def test_the_main_job(database: Engine, database_url: str, redis_url: str, tmp_path: Path) -> None:
    """What comes over HTTP becomes commits and invoices, and reconcile finds nothing, on the oldest version."""
    account = Intake(database)
    with fleet(database_url, redis_url, tmp_path) as running:
        running.worker(",".join(QUEUES))
        running.scheduler()
        with gateway(running, account.token) as here:
            made = [here.create(bodies.invoiced(uniqueness_key=f"order {number}")).status for number in range(10)]
        wait_for(lambda: account.count("commit") == 10, what="all commits")
    assert set(made) == {200}
    with database.begin() as connection:
        assert connection.scalar(text("SHOW server_version_num")) < "160000"
        assert reconcile(connection) == []


def test_three_months(database: Engine) -> None:
    """Months of usage are closed, trued up and expired there."""
    assert life(database)["differences"] == []


@pytest.fixture(scope="module")
def self_signed() -> Iterator[tuple[Postgres, Path]]:
    """A server whose certificate is its own, and that certificate."""
    with servers_folder() as folder:
        made = make_certificates(folder, name=NAME)
        certificate, key = made.stray, made.stray_key
        key.chmod(0o600)
        run_as_for((folder / "postgres" / "cluster").resolve()).own(key)
        (folder / "postgres").mkdir(mode=0o711)
        told = {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
        server = start_postgres(folder / "postgres", other=POSTGRES_15, options=told)
        yield server, certificate
        server.stop()


def url_of(server: Postgres, options: str = "", *, name: str = NAME) -> str:
    """The server's URL as a host elsewhere knows it, without a look-up of its name."""
    return f"{server.url.replace('127.0.0.1', name)}?hostaddr=127.0.0.1{options}"


@pytest.mark.parametrize("options", ["", "&sslmode=require", "&sslmode=verify-full"])
def test_a_self_signed_server_is_refused(self_signed: tuple[Postgres, Path], options: str) -> None:
    """Unless the URL says that it need not show who it is; by the engine, and where services are looked at first."""
    url = url_of(self_signed[0], options)
    engine = make_engine(url)
    with pytest.raises(OperationalError, match="certificate verify failed"):
        engine.connect()
    engine.dispose()
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        check_external({"TRUEUP_DATABASE_URL": url})


def test_what_the_url_vouches_for(self_signed: tuple[Postgres, Path]) -> None:
    """Its certificate is taken where the URL names it, and only under its own name; or none is asked for."""
    server, certificate = self_signed
    for options in (f"&sslrootcert={certificate}", "&sslmode=prefer"):
        connect(url_of(server, options), statement_timeout_s=9).close()
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        connect(url_of(server, f"&sslrootcert={certificate}", name="other.example"), statement_timeout_s=9)


def test_another_encoding(services: RunningServices) -> None:
    """A database that cannot hold every name is refused, with what to do."""
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
    engine = make_engine(services.database("latin"))
    with pytest.raises(OperationalError, match="encoded in LATIN1, and Trueup needs UTF8") as refused:
        engine.connect()
    assert isinstance(refused.value.orig, UnusableDatabase)
    engine.dispose()


def test_an_older_version(services: RunningServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused at once: here 15, as if 16 were the oldest."""
    monkeypatch.setattr("trueup.store.postgres.connecting.OLDEST_SERVER", 16)
    with pytest.raises(UnusableDatabase, match="PostgreSQL 15, and Trueup needs 16 or newer"):
        connect(services.database_url, statement_timeout_s=9)


def test_doctor_tells_of_what_a_crash_would_lose(
    services: RunningServices, database: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A server that answers before a commit is on its disk fails its check, with what to set; so does a right less."""
    account = Intake(database)
    environ = {"TRUEUP_DATABASE_URL": database_url, "TRUEUP_BROKER_URL": redis_url, "TRUEUP_SECRET_KEY": SECRET_KEY}
    here = Command(tmp_path / "data", tmp_path, {**environ, "TRUEUP_TOKEN": account.token})

    def told() -> dict[str, tuple[bool, str]]:
        return {each["check"]: (each["ok"], each["found"] + each["advice"]) for each in here("doctor", "--json").json()}

    before = told()
    assert before["database disk"] == (True, "a commit is on disk")
    assert before["role"][0]
    name = str(database.url.database)
    with psycopg.connect(services.database(name, role=OWNER), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
        connection.execute("REVOKE INSERT ON obligation FROM trueup_app")
    after = told()
    assert not after["database disk"][0]
    assert "synchronous_commit = on" in after["database disk"][1]
    assert not after["role"][0]
    assert after["role"][1].startswith("trueup_app lacks INSERT on obligation")
