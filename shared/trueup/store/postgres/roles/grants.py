"""Grants of each database role, in one table in which every table of the schema has its line.

`trueup_owner` owns the schema and migrates it. As `trueup_app` connect workers, gateway, scheduler and command line: it
reads everything and writes what stands here; it can neither change the schema nor rewrite history. What a term ends it
removes through functions of the owner that refuse anything younger. `trueup_read` reads, but for secrets.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection, text

from trueup.store.postgres.roles.names import APP, READ
from trueup.store.tables import metadata

# A new table needs a line: a test names those that have none. Nothing may be granted to remove or rewrite commits,
# ledger, invoices, usage and audit. FOR UPDATE needs UPDATE on some column.
APP_WRITES: Mapping[str, str] = {
    "account": "INSERT, UPDATE (clock_at, locale, next_invoice_number)",
    "alert_clock": "INSERT, UPDATE",
    "alert_setting": "INSERT, UPDATE, DELETE",
    "alert_told": "INSERT, DELETE",  # removed once time has passed them for good
    "account_codes": "INSERT",
    "answered_call": "INSERT, UPDATE",
    "audit": "INSERT",
    "balance_told": "INSERT, UPDATE",
    "balance_watch": "INSERT, UPDATE",
    "batch": "INSERT, UPDATE",
    "batch_lookup": "INSERT",
    "billing_details": "INSERT",
    "changed_account": "DELETE",  # written by triggers of the owner, removed by the next look
    "closed_month": "INSERT",
    "commit": "INSERT, UPDATE",
    "contract": "INSERT, UPDATE",
    "create_try": "INSERT, UPDATE (is_claimed, is_lost)",
    "customer": "INSERT, UPDATE",
    "delivery": "INSERT, UPDATE, DELETE",  # removed with the outcomes
    "excepted_line": "INSERT",
    "feed": "INSERT, UPDATE",
    "idempotency": "INSERT, UPDATE, DELETE",  # a refused request gives its key back
    "ingest_alias": "INSERT, UPDATE",
    "installation": "INSERT",
    "intake": "INSERT, UPDATE, DELETE",  # removed with the outcomes
    "invoice": "INSERT, UPDATE (status, voided_at, paid_at, exported_at)",
    "invoice_line": "INSERT",
    "journal_line": "INSERT",
    "ledger_entry": "INSERT",
    "next_look": "INSERT, UPDATE",
    "obligation": "INSERT, UPDATE",
    "outbox": "INSERT, UPDATE (first_position, last_position)",
    "outcome": "INSERT, UPDATE",
    "parked": "INSERT, UPDATE",
    "parked_total": "INSERT, UPDATE",
    "product": "INSERT, UPDATE",
    "refused_body": "INSERT, UPDATE",
    "revaluation": "INSERT",
    "segment": "INSERT, UPDATE",
    "seller_profile": "INSERT",
    "token": "INSERT, UPDATE (last_used_at, revoked_at)",
    "unit": "INSERT, UPDATE",
    "usage_arrival": "INSERT, UPDATE, DELETE",  # removed once it is held against balances
    "usage_line": "INSERT, UPDATE (is_late)",
    "usage_month": "INSERT, UPDATE, DELETE",  # removed with the closing
    "usage_period": "INSERT, UPDATE (voided_at, settled_by_id)",
    "webhook_attempt": "INSERT, DELETE",  # removed with their deliveries
    "webhook_delivery": "INSERT, UPDATE, DELETE",  # removed past their term, and with their endpoint
    "webhook_endpoint": "INSERT, UPDATE, DELETE",
}
APP_COUNTS = ("parked_overflow",)  # sequences that no column has for its own
APP_CALLS = tuple(
    f"trim_{table}(interval, integer)"
    for table in ("answered_call", "create_try", "delivery", "idempotency", "outbox", "parked", "refused_body")
)
HIDDEN: Mapping[str, frozenset[str]] = {  # from trueup_read
    "installation": frozenset({"secret_key_check"}),
    "token": frozenset({"secret_sha256", "signing_key"}),
    "webhook_endpoint": frozenset({"secret", "previous_secret", "older_secrets"}),
}

_PRIVILEGE = re.compile(r"([A-Z]+)(?: \(([^)]+)\))?")

_PRESENT = text("""
    SELECT quote_ident(relname) FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND pg_has_role(relowner, 'USAGE')
""")
_KNOWN = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)")
_SCHEMA = text("SELECT quote_ident(current_schema())")
_MAY_MIGRATE = text("""
    SELECT CASE WHEN to_regclass('account') IS NULL THEN has_schema_privilege(current_schema(), 'CREATE')
                ELSE (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('account')) END
""")


def app_rights() -> Iterator[tuple[str, str, str | None]]:
    """Rights on tables that the application needs: table, privilege, and the column where it is of one alone."""
    for table, writes in APP_WRITES.items():
        yield table, "SELECT", None
        for privilege, columns in _PRIVILEGE.findall(writes):
            yield from ((table, privilege, column) for column in (columns.split(", ") if columns else (None,)))


def may_migrate(connection: Connection) -> bool:
    """Tell whether this role owns the tables, or could make them where there are none."""
    return bool(connection.scalar(_MAY_MIGRATE))


def grant(connection: Connection) -> None:
    """Give the roles that exist what they may do, and take back everything else, in the owner's transaction.

    Others see the old grants until it commits, then the new ones.
    """
    schema = connection.scalar(_SCHEMA)
    known = set(connection.scalars(_KNOWN, {"names": [APP, READ]}))
    connection.execute(text(f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"))
    connection.execute(text(f"REVOKE EXECUTE ON FUNCTION {', '.join(APP_CALLS)} FROM PUBLIC"))
    present = sorted(connection.scalars(_PRESENT))
    for role in sorted(known):
        connection.execute(text(f"REVOKE ALL ON {', '.join(present)} FROM {role}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
    if APP in known:
        _run(connection, _grants_to_app(present))
    if READ in known:
        _run(connection, _grants_to_read(present))


def _grants_to_app(present: Iterable[str]) -> Iterable[str]:
    for table in present:
        wanted = f"SELECT, {APP_WRITES[table]}" if table in APP_WRITES else "SELECT"
        yield f"GRANT {wanted} ON {table} TO {APP}"
    yield f"GRANT USAGE, SELECT ON SEQUENCE {', '.join(APP_COUNTS)} TO {APP}"
    yield f"GRANT EXECUTE ON FUNCTION {', '.join(APP_CALLS)} TO {APP}"


def _grants_to_read(present: Iterable[str]) -> Iterable[str]:
    for table in present:
        shown = ""
        if hidden := HIDDEN.get(table):
            shown = f" ({', '.join(column.name for column in metadata.tables[table].c if column.name not in hidden)})"
        yield f"GRANT SELECT{shown} ON {table} TO {READ}"
    yield f"GRANT SELECT ON SEQUENCE {', '.join(APP_COUNTS)} TO {READ}"


def _run(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(text(statement))
