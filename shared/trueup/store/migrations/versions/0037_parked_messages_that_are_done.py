"""parked messages that are done: those that were sent again or discarded go by a term"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.create_index("parked_done_idx", "parked", ["resolved_at"], postgresql_where=sa.text("state <> 'parked'"))
    op.execute(f"""
CREATE FUNCTION trim_parked(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE removed bigint;
BEGIN
    IF term IS NULL OR term < interval '2 days' THEN
        RAISE EXCEPTION 'rows of parked stay for 2 days' USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH old AS MATERIALIZED (
        SELECT id FROM parked WHERE state <> 'parked' AND resolved_at < now() - term
         ORDER BY resolved_at LIMIT rows_max FOR UPDATE SKIP LOCKED
    )
    DELETE FROM parked AS t USING old WHERE t.id = old.id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$
""")
    op.execute("REVOKE EXECUTE ON FUNCTION trim_parked(interval, integer) FROM PUBLIC")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION trim_parked(interval, integer)")
    op.drop_index("parked_done_idx", table_name="parked")
