"""the feed of events: positions given after commit, kept for a term; batches that are told when they are complete"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0018"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
WAITING, POSITION = "outbox_seq_idx", "outbox_position_key"
OLDEST, AWAITED = "feed_oldest_at_idx", "batch_awaited_at_idx"
AWAITED_AT = "when it is next counted whether all of it has outcomes; null: that was announced"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for place in ("first", "last"):
        comment = f"of its {place} event in the account's feed; null: it has none yet"
        op.add_column("outbox", sa.Column(f"{place}_position", sa.BigInteger(), nullable=True, comment=comment))
    op.create_index(WAITING, "outbox", ["seq"], postgresql_where=sa.text("last_position IS NULL"))
    has_one = sa.text("last_position IS NOT NULL")
    op.create_index(POSITION, "outbox", ["account_id", "last_position"], unique=True, postgresql_where=has_one)
    op.create_table(
        "feed",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("last_position", sa.BigInteger(), nullable=False, comment="the last one that was given"),
        sa.Column(
            "trimmed_through",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="events up to this position are gone",
        ),
        sa.Column(
            "oldest_at", AT, nullable=True, comment="when the first event that is left happened; null: none is left"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("feed_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("feed_pkey")),
        comment="How far each account's feed of events goes, and from where on it is still there.",
    )
    op.create_index(op.f(OLDEST), "feed", ["oldest_at"], postgresql_where=sa.text("oldest_at IS NOT NULL"))
    # Batches of before the feed stay null: nobody waits for them any more.
    op.add_column("batch", sa.Column("awaited_at", AT, nullable=True, comment=AWAITED_AT))
    op.alter_column(
        "batch", "awaited_at", existing_type=AT, server_default=sa.text("now()"), existing_comment=AWAITED_AT
    )
    op.create_index(op.f(AWAITED), "batch", ["awaited_at"], postgresql_where=sa.text("awaited_at IS NOT NULL"))
    _trim()


def _trim() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(f"""
CREATE FUNCTION trim_outbox(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE
    removed bigint := 0; gone bigint; through bigint; which record;
BEGIN
    IF term IS NULL OR term < interval '1 day' THEN
        RAISE EXCEPTION 'rows of outbox stay for 1 day' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR which IN
        SELECT account_id, trimmed_through FROM feed WHERE oldest_at < now() - term
         ORDER BY oldest_at LIMIT 10 FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN removed >= rows_max;
        WITH next AS (
            SELECT last_position, created_at FROM outbox
             WHERE account_id = which.account_id AND last_position > which.trimmed_through
             ORDER BY last_position LIMIT rows_max - removed
        )
        SELECT max(last_position) INTO through FROM next AS old
         WHERE NOT EXISTS (SELECT FROM next AS kept
                            WHERE kept.created_at >= now() - term AND kept.last_position <= old.last_position);
        through := coalesce(through, which.trimmed_through);
        DELETE FROM outbox
         WHERE account_id = which.account_id AND last_position > which.trimmed_through AND last_position <= through;
        GET DIAGNOSTICS gone = ROW_COUNT;
        removed := removed + gone;
        UPDATE feed
           SET trimmed_through = through,
               oldest_at = (SELECT created_at FROM outbox
                             WHERE account_id = which.account_id AND last_position > through
                             ORDER BY last_position LIMIT 1)
         WHERE account_id = which.account_id;
    END LOOP;
    RETURN removed;
END $$
""")
    op.execute("REVOKE EXECUTE ON FUNCTION trim_outbox(interval, integer) FROM PUBLIC")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION trim_outbox(interval, integer)")
    op.drop_index(AWAITED, table_name="batch")
    op.drop_column("batch", "awaited_at")
    op.drop_table("feed")
    op.drop_index(POSITION, table_name="outbox")
    op.drop_index(WAITING, table_name="outbox")
    op.drop_column("outbox", "last_position")
    op.drop_column("outbox", "first_position")
