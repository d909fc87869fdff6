"""tries of creates"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WAS = "What became of each request that made no commit of its own. Judged anew when the same id comes again."
IS = "What became of each request that made no commit of its own. It stands until a sender wants another."


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table_comment("outcome", IS, existing_comment=WAS)
    op.create_table(
        "create_try",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the token's key id, method, path and body",
        ),
        sa.Column("request_id", sa.UUID(), nullable=False, comment="the request that it brought, or brought again"),
        sa.Column("retries", sa.SmallInteger(), nullable=False, comment="how many tries its client had made before"),
        sa.Column(
            "tried_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="real time; kept for ten minutes",
        ),
        sa.Column(
            "is_claimed",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a retry has sent its request again",
        ),
        sa.Column(
            "is_lost",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its client had hung up before it was answered",
        ),
        sa.PrimaryKeyConstraint("account_id", "digest", "request_id", "retries", name=op.f("create_try_pkey")),
        comment="Creates over HTTP without a key: a client's own retry sends the request of an unclaimed try again.",
    )
    op.create_index(op.f("create_try_tried_at_idx"), "create_try", ["tried_at"])
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(f"""
CREATE FUNCTION trim_create_try(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE removed bigint;
BEGIN
    IF term IS NULL OR term < interval '10 minutes' THEN
        RAISE EXCEPTION 'rows of create_try stay for 10 minutes' USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH old AS MATERIALIZED (
        SELECT account_id, digest, request_id, retries FROM create_try WHERE tried_at < now() - term
         ORDER BY tried_at LIMIT rows_max FOR UPDATE SKIP LOCKED
    )
    DELETE FROM create_try AS t USING old
     WHERE t.account_id = old.account_id AND t.digest = old.digest AND t.request_id = old.request_id
       AND t.retries = old.retries;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$
""")
    op.execute("REVOKE EXECUTE ON FUNCTION trim_create_try(interval, integer) FROM PUBLIC")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION trim_create_try(interval, integer)")
    op.drop_table("create_try")
    op.create_table_comment("outcome", WAS, existing_comment=IS)
