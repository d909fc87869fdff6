"""What each database role may do: the application works, and cannot rewrite history or change the schema."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from tests.conftest import by_hand
from trueup.defaults import OUTCOME_BODY_DAYS
from trueup.limits import IDEMPOTENCY_DAYS, RETRY_MINUTES_MAX
from trueup.store.postgres import migrate
from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.migrate import DatabaseIsNewer, NotTheOwner, downgrade, upgrade
from trueup.store.postgres.roles.connected import connected_role
from trueup.store.postgres.roles.grants import APP_CALLS, APP_COUNTS, APP_WRITES, grant
from trueup.store.postgres.roles.names import APP, READ
from trueup.store.tables import metadata
from trueup_worker.scheduling.tidy import tidy

KEPT = ("commit", "segment", "obligation", "ledger_entry", "invoice", "invoice_line", "usage_line", "usage_period")
KEPT += ("audit", "outbox", "outcome", "parked", "batch", "token", "account", "customer", "product", "contract", "unit")
FORBIDDEN = [
    *(f"DELETE FROM {table}" for table in KEPT),
    *(f"TRUNCATE {table} CASCADE" for table in metadata.tables),
    *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in ("ledger_entry", "invoice", "invoice_line", "commit")),
    *(f"ALTER TABLE {table} ADD COLUMN more int" for table in ("ledger_entry", "account")),
    "UPDATE ledger_entry SET amount = 0",
    "UPDATE audit SET actor = 'nobody'",
    "UPDATE outbox SET event = ''",
    "UPDATE invoice SET total = 0",
    "UPDATE invoice SET number = 0",
    "UPDATE invoice_line SET amount = 0",
    "UPDATE usage_line SET quantity = 0",
    "UPDATE usage_period SET is_invoiced = false",
    "UPDATE token SET scopes = '{admin}'",
    "UPDATE account SET name = 'mine'",
    "DROP TABLE ledger_entry",
    "DROP FUNCTION refuse_change CASCADE",
    "DROP TRIGGER invoice_kept ON invoice",
    "CREATE TABLE mine ()",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TRIGGER mine BEFORE INSERT ON commit EXECUTE FUNCTION refuse_change()",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION file_fdw",
    "CREATE ROLE mine SUPERUSER",
    "SET ROLE trueup_owner",
    "SET SESSION AUTHORIZATION trueup",
    "SET LOCAL session_replication_role = replica",
    "COPY account TO PROGRAM 'true'",
    "COPY account FROM PROGRAM 'true'",
    "COPY account TO '/tmp/account'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT lo_import('/etc/passwd')",
    "ALTER ROLE trueup_app SUPERUSER",
    "UPDATE alembic_version SET version_num = '0001'",
    *(f"SELECT trim_{table}(interval '{term}', 100)" for table, term in
      (("idempotency", "6 days"), ("delivery", "0"), ("answered_call", "9 minutes"), ("answered_call", "-1 year"),
       ("create_try", "9 minutes"), ("outbox", "23 hours"), ("refused_body", "23 hours"))),
]  # fmt: skip
PRIVILEGES = text("""
    SELECT table_name, string_agg(privilege_type, ', ' ORDER BY privilege_type) FROM information_schema.table_privileges
     WHERE grantee = :role AND table_schema = 'public' GROUP BY table_name
""")


@pytest.fixture
def reader(database: Engine) -> Iterator[Engine]:
    """The database as `trueup_read` connects to it."""
    engine = make_engine(database.url.set(username=READ).render_as_string(hide_password=False))
    yield engine
    engine.dispose()


def refused(engine: Engine, statement: str) -> None:
    """Expects SQLSTATE 42501."""
    with pytest.raises(ProgrammingError) as caught, engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert isinstance(caught.value.orig, InsufficientPrivilege), caught.value


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_what_the_application_may_not_do(common_database: Engine, statement: str) -> None:
    """Postgres refuses it for want of a privilege, before any trigger is asked."""
    refused(common_database, statement)


def test_every_table_has_a_line() -> None:
    """A new table says in `trueup.store.postgres.roles.grants` what the application may write, if anything."""
    assert metadata.tables.keys() - APP_WRITES.keys() == set(), "these tables have no line among APP_WRITES"
    assert APP_WRITES.keys() - metadata.tables.keys() == set(), "these lines have no table"


def test_every_sequence_has_a_line(common_database: Engine) -> None:
    """One that is no column's own says so too; an identity column needs no grant."""
    query = """
        SELECT relname FROM pg_class AS c WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'i')
    """
    with common_database.connect() as connection:
        assert sorted(connection.scalars(text(query))) == sorted(APP_COUNTS)


def test_migrating_grants_what_the_table_says(common_database: Engine) -> None:
    """Nothing but what stands there, on whole tables and on columns."""
    with by_hand(common_database) as connection:
        found = {name: told.split(", ") for name, told in connection.execute(PRIVILEGES, {"role": APP})}
    assert found.pop("alembic_version") == ["SELECT"]
    for table, writes in APP_WRITES.items():
        whole = {each for each in ("INSERT", "UPDATE", "DELETE") if each in writes and f"{each} (" not in writes}
        assert set(found.pop(table)) == whole | {"SELECT"}, table
    assert found == {}


def test_a_grant_too_many_goes_with_the_next_migration(owned: Engine, database: Engine) -> None:
    """Whatever somebody granted by hand is taken back."""
    with owned.begin() as connection:
        connection.execute(text(f"GRANT DELETE, UPDATE ON invoice TO {APP}"))
        grant(connection)
    refused(database, "DELETE FROM invoice")
    refused(database, "UPDATE invoice SET total = 0")


@pytest.mark.parametrize(
    "statement", ["INSERT INTO account (name) VALUES ('x')", "SELECT * FROM token", "SELECT signing_key FROM token",
                  "SELECT trim_delivery(interval '1 year', 1)"],
)  # fmt: skip
def test_what_the_reader_may_not_do(reader: Engine, statement: str) -> None:
    """It writes nothing, and sees no secret."""
    refused(reader, statement)


def test_the_reader_reads(reader: Engine) -> None:
    """Every table; of tokens, what is no secret."""
    with reader.connect() as connection:
        for table in metadata.tables:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() >= 0
        connection.execute(text("SELECT key_id, scopes, revoked_at FROM token"))


def test_functions_of_the_owner_have_a_fixed_path(common_database: Engine) -> None:
    """Nobody puts a table of their own before ours; only the application calls them, and nobody those of triggers."""
    query = """
        SELECT proname, proconfig, proacl::text, prorettype = 'trigger'::regtype AS is_of_triggers FROM pg_proc
         WHERE prosecdef AND pronamespace = 'public'::regnamespace
    """
    with by_hand(common_database) as connection:
        found: list[Any] = list(connection.execute(text(query)))
    tables = {"answered_call", "create_try", "delivery", "idempotency", "outbox", "parked", "refused_body"}
    assert {each.proname for each in found if not each.is_of_triggers} == {f"trim_{table}" for table in tables}
    for each in found:
        callers = ["trueup_owner=X/trueup_owner"] + ["trueup_app=X/trueup_owner"] * (not each.is_of_triggers)
        assert each.proconfig == ["search_path=pg_catalog, public, pg_temp"]
        assert each.proacl == f"{{{','.join(callers)}}}"


def test_triggers_that_write_do_so_as_the_owner(common_database: Engine) -> None:
    """Between a migration and its grants the application that runs has no right to their tables."""
    query = r"""
        SELECT proname FROM pg_proc
         WHERE prorettype = 'trigger'::regtype AND pronamespace = 'public'::regnamespace AND NOT prosecdef
           AND prosrc ~ '\m(INSERT INTO|UPDATE|DELETE FROM)\M'
    """
    with by_hand(common_database) as connection:
        assert connection.scalars(text(query)).all() == []


def test_the_application_works_between_a_migration_and_its_grants(
    owned: Engine, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies there, or a later migration that is blocked, stops nobody."""
    downgrade(owned, "0037")
    monkeypatch.setattr(migrate, "grant", lambda _: None)
    upgrade(owned)
    with database.begin() as connection:
        connection.exec_driver_sql("INSERT INTO account (name) VALUES ('acme')")
    refused(database, "SELECT * FROM changed_account")


def test_the_application_trims_what_its_term_has_ended(database: Engine) -> None:
    """Rows older than their term go, younger ones stay."""
    with by_hand(database) as connection:
        connection.exec_driver_sql("INSERT INTO account (name) VALUES ('acme')")
        for table, columns, values, at, term in (
            ("idempotency", "key, request_id, fingerprint, fingerprint_version", "n::text, gen_random_uuid(), '', 1",
             "created_at", f"{IDEMPOTENCY_DAYS} days"),
            ("delivery", "digest, count", "int4send(n), 1", "last_at", f"{IDEMPOTENCY_DAYS} days"),
            ("answered_call", "digest", "int4send(n)", "answered_at", f"{RETRY_MINUTES_MAX} minutes"),
            ("create_try", "digest, request_id, retries", "int4send(n), gen_random_uuid(), 0", "tried_at",
             f"{RETRY_MINUTES_MAX} minutes"),
            ("refused_body", "request_id, body", "gen_random_uuid(), ''", "kept_at", f"{OUTCOME_BODY_DAYS} days"),
        ):  # fmt: skip
            connection.exec_driver_sql(
                f"INSERT INTO {table} (account_id, {columns}, {at}) SELECT id, {values}, "
                f"now() - interval '{term}' * n / 2 FROM account, generate_series(1, 4) AS n"
            )
    tidy(database)
    with database.connect() as connection:
        for table in ("idempotency", "delivery", "answered_call", "create_try", "refused_body"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() <= 2, table
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() >= 1, table


def test_only_the_owner_migrates(owned: Engine, database: Engine) -> None:
    """At the head the application finds nothing to do; behind it, it is told who must, and nothing has run."""
    upgrade(database)
    downgrade(owned, "0006")
    with pytest.raises(NotTheOwner, match=r"0007, .*trueup migrate.*DIRECT_URL"):
        upgrade(database)


def test_one_role_for_everything_still_works(owned: Engine) -> None:
    """Where the other roles do not exist, nothing is granted, and the owner works itself."""
    upgrade(owned)
    with owned.begin() as connection:
        connection.exec_driver_sql("INSERT INTO account (name) VALUES ('acme')")


def test_who_is_connected_and_what_it_could_do(database: Engine, owned: Engine) -> None:
    """The application has what it needs and no more; owner, superuser, a grant too many and those too few are told."""
    with database.begin() as connection:
        told = connected_role(connection)
        assert (told.name, told.excess, told.lacking) == ("trueup_app", (), ())
    with owned.begin() as connection:
        assert connected_role(connection).excess == ("owns the tables, and may disable triggers and remove commits",)
        connection.execute(text(f"GRANT TRUNCATE ON ledger_entry TO {APP}; REVOKE SELECT ON batch FROM {APP}"))
        connection.execute(text(f"REVOKE UPDATE (paid_at), INSERT ON invoice FROM {APP}"))
        connection.execute(text(f"REVOKE EXECUTE ON FUNCTION {APP_CALLS[0]} FROM {APP}"))
    with database.begin() as connection:
        told = connected_role(connection)
        assert told.excess == ("may remove rows of ledger_entry",)
        lacking = {"SELECT on batch", "INSERT on invoice", "UPDATE on invoice (paid_at)"}
        assert set(told.lacking) == {*lacking, f"EXECUTE on {APP_CALLS[0]}"}
    with by_hand(database) as connection:
        assert "superuser" in connected_role(connection).excess[0]


def test_a_database_of_a_later_release(owned: Engine) -> None:
    """A migration that this code does not know is named, and nothing is done."""
    with owned.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseIsNewer, match="9999"):
        upgrade(owned)
