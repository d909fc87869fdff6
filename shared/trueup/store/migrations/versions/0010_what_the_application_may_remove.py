"""what the application may remove: only what its term has ended, by functions of the owner"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# By table: its key, beside the account; the time that counts; how long a row stays at least.
TERMS = {
    "answered_call": ("digest", "answered_at", "10 minutes"),
    "delivery": ("digest", "last_at", "7 days"),
    "idempotency": ("key", "created_at", "7 days"),
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    for table, (key, at, least) in TERMS.items():
        op.execute(f"""
CREATE FUNCTION trim_{table}(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE removed bigint;
BEGIN
    IF term IS NULL OR term < interval '{least}' THEN
        RAISE EXCEPTION 'rows of {table} stay for {least}' USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH old AS MATERIALIZED (
        SELECT account_id, {key} FROM {table} WHERE {at} < now() - term
         ORDER BY {at} LIMIT rows_max FOR UPDATE SKIP LOCKED
    )
    DELETE FROM {table} AS t USING old WHERE t.account_id = old.account_id AND t.{key} = old.{key};
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$
""")
        op.execute(f"REVOKE EXECUTE ON FUNCTION trim_{table}(interval, integer) FROM PUBLIC")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in TERMS:
        op.execute(f"DROP FUNCTION trim_{table}(interval, integer)")
