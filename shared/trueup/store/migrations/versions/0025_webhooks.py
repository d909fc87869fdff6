"""webhooks: endpoints, deliveries, the log of attempts; what an endpoint has not taken is not trimmed before it did"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0021"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "webhook_endpoint",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="of the endpoint"),
        sa.Column("url", sa.Text(), nullable=False, comment="where its deliveries are sent"),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False, comment="of the events it is sent; empty: all"),
        sa.Column("description", sa.Text(), nullable=True, comment="what it is for, in the account's words"),
        sa.Column(
            "secret",
            sa.LargeBinary(),
            nullable=False,
            comment="that signs deliveries, sealed under the installation's secret key",
        ),
        sa.Column(
            "previous_secret",
            sa.LargeBinary(),
            nullable=True,
            comment="the one before, which signs as well until previous_until",
        ),
        sa.Column("previous_until", AT, nullable=True, comment="until when both sign; null: one does"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="enabled: it is delivered to; disabled: not now; deleted: never again",
        ),
        sa.Column("disabled_reason", sa.Text(), nullable=True, comment="why it is disabled: gone, failing or by_hand"),
        sa.Column("disabled_at", AT, nullable=True, comment="when it was"),
        sa.Column(
            "failing_since",
            AT,
            nullable=True,
            comment="the first failure since the last success; null: the last attempt succeeded",
        ),
        sa.Column("delivered_at", AT, nullable=True, comment="the last success; null: there was none"),
        sa.Column(
            "position",
            sa.BigInteger(),
            nullable=False,
            comment="events of the feed up to this place have become deliveries",
        ),
        sa.Column("created_at", AT, server_default=sa.text("now()"), nullable=False, comment="real time"),
        sa.CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name=op.f("webhook_endpoint_state_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("webhook_endpoint_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("webhook_endpoint_pkey")),
        comment="Where an account's events are sent.",
    )
    op.create_index(
        "webhook_endpoint_enabled_idx",
        "webhook_endpoint",
        ["account_id", "position"],
        postgresql_where=sa.text("state = 'enabled'"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("endpoint_id", sa.UUID(), nullable=False, comment="where it goes"),
        sa.Column(
            "event_id",
            sa.UUID(),
            nullable=False,
            comment="what it tells, and its webhook-id: the same at every attempt",
        ),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="of the event in the feed"),
        sa.Column("type", sa.Text(), nullable=False, comment="of the event"),
        sa.Column("subject_id", sa.UUID(), nullable=False, comment="what it happened to"),
        sa.Column("facts", postgresql.JSONB(), nullable=False, comment="of the event"),
        sa.Column("happened_at", AT, nullable=False, comment="when"),
        sa.Column(
            "body",
            sa.LargeBinary(),
            nullable=True,
            comment="what is sent, fixed before the first attempt; null: there was none",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="waiting, delivered, or failed: every attempt of the schedule did",
        ),
        sa.Column(
            "step",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="waits of the schedule that have begun",
        ),
        sa.Column(
            "hurry",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="1: it is tried beside the schedule, as another delivery went through; 2: that failed",
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="that have begun"),
        sa.Column(
            "next_attempt_at",
            AT,
            nullable=False,
            comment="due then; of one that is being tried: when whoever tries it is given up",
        ),
        sa.Column(
            "claimed_until", AT, nullable=True, comment="it is being tried, until then at the latest; null: it is not"
        ),
        sa.Column("finished_at", AT, nullable=True, comment="when it was delivered or failed"),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name=op.f("webhook_delivery_state_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "endpoint_id"],
            ["webhook_endpoint.account_id", "webhook_endpoint.id"],
            name=op.f("webhook_delivery_account_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "endpoint_id", "event_id", name=op.f("webhook_delivery_pkey")),
        comment="An event on its way to an endpoint.",
    )
    op.create_index(
        "webhook_delivery_claimed_idx",
        "webhook_delivery",
        ["account_id", "endpoint_id"],
        postgresql_where=sa.text("claimed_until IS NOT NULL"),
    )
    op.create_index(
        "webhook_delivery_due_idx",
        "webhook_delivery",
        ["account_id", "endpoint_id", "next_attempt_at", "position"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "webhook_delivery_finished_idx",
        "webhook_delivery",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index("webhook_delivery_position_idx", "webhook_delivery", ["endpoint_id", "position"])
    op.create_table(
        "webhook_attempt",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("endpoint_id", sa.UUID(), nullable=False, comment="where it went"),
        sa.Column("event_id", sa.UUID(), nullable=False, comment="which delivery"),
        sa.Column("number", sa.Integer(), nullable=False, comment="of the attempt, from 1"),
        sa.Column("at", AT, nullable=False, comment="when it began"),
        sa.Column("duration_ms", sa.Integer(), nullable=False, comment="how long it took"),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="of the answer; null: there was none"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it failed; null: it did not"),
        sa.Column(
            "answer", sa.Text(), nullable=True, comment="the beginning of the answer's body; null: there was none"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "endpoint_id", "event_id"],
            ["webhook_delivery.account_id", "webhook_delivery.endpoint_id", "webhook_delivery.event_id"],
            name=op.f("webhook_attempt_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "endpoint_id", "event_id", "number", name=op.f("webhook_attempt_pkey")),
        comment="The delivery log: every attempt, and what came of it.",
    )
    _trim(HOLDING)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _trim(AS_IT_WAS)
    op.drop_table("webhook_attempt")
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_endpoint")


def _trim(function: str) -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(function.replace("[schema]", schema))


HOLDING = """
CREATE OR REPLACE FUNCTION trim_outbox(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, [schema], pg_temp AS $$
DECLARE
    removed bigint := 0; gone bigint; through bigint; held bigint; which record;
BEGIN
    IF term IS NULL OR term < interval '1 day' THEN
        RAISE EXCEPTION 'rows of outbox stay for 1 day' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR which IN
        SELECT account_id, trimmed_through FROM feed AS f
         WHERE oldest_at < now() - term
           AND (oldest_at < now() - term * 2 OR NOT EXISTS (
                SELECT FROM webhook_endpoint AS e
                 WHERE e.account_id = f.account_id AND e.state = 'enabled' AND e.position <= f.trimmed_through))
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
        -- What an endpoint has not taken yet waits for it, for as long again and no longer.
        SELECT min(position) INTO held FROM webhook_endpoint
         WHERE account_id = which.account_id AND state = 'enabled' AND position < through;
        IF held IS NOT NULL THEN
            SELECT greatest(held, coalesce(max(last_position), held)) INTO held FROM outbox
             WHERE account_id = which.account_id AND last_position > held AND last_position <= through
               AND created_at < now() - term * 2;
            SELECT max(last_position) INTO through FROM outbox
             WHERE account_id = which.account_id AND last_position > which.trimmed_through
               AND last_position <= held;
        END IF;
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
"""

AS_IT_WAS = """
CREATE OR REPLACE FUNCTION trim_outbox(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, [schema], pg_temp AS $$
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
"""
