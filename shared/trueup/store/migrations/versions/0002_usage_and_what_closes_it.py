"""usage and what closes it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

LAPSES_AFTER = (
    "greatest(granted_at, (date_trunc('month', ending_before AT TIME ZONE 'UTC' - interval '1 hour') "
    "+ interval '1 month') AT TIME ZONE 'UTC')"
)

GRANTED = """
UPDATE segment AS s SET expires = c.type <> 'POSTPAID', granted_at = c.created_at
  FROM commit AS c WHERE c.account_id = s.account_id AND c.id = s.commit_id
"""

WAITS_FOR_ITS_MONTH = """
UPDATE obligation AS o
   SET due_at = greatest(o.scheduled_at, closes.at)
  FROM segment AS s CROSS JOIN LATERAL (
      SELECT (date_trunc('month', s.ending_before AT TIME ZONE 'UTC' - interval '1 hour') + interval '1 month 1 day')
             AT TIME ZONE 'UTC' AS at) AS closes
 WHERE o.kind = 'TRUE_UP' AND o.state = 'pending'
   AND s.account_id = o.account_id AND s.commit_id = o.commit_id AND s.position = 0
"""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "usage_line",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("transaction_id", sa.Text(), nullable=False, comment="the caller's: unique in the account for ever"),
        sa.Column(
            "request_id",
            sa.UUID(),
            nullable=False,
            comment="of the request that brought it: the row is that request's outcome 'created'",
        ),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who used it"),
        sa.Column("contract_id", sa.UUID(), nullable=False, comment="under which contract"),
        sa.Column("product_id", sa.UUID(), nullable=False, comment="what was used: never a FIXED product"),
        sa.Column("unit_id", sa.UUID(), nullable=False, comment="of the prices"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was used"),
        sa.Column("quantity", sa.Numeric(), nullable=False, comment="how much"),
        sa.Column("list_price", sa.Numeric(), nullable=False, comment="per unit"),
        sa.Column("commit_price", sa.Numeric(), nullable=False, comment="per unit, where a COMMIT_RATE balance pays"),
        sa.Column(
            "pricing_group_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="string to string"
        ),
        sa.Column(
            "presentation_group_values",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="string to string",
        ),
        sa.Column(
            "fingerprint",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the normalised line: a repeat must be the same",
        ),
        sa.Column("fingerprint_version", sa.SmallInteger(), nullable=False, comment="of the normal form"),
        sa.Column(
            "is_late",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its month was closed: no invoice holds it",
        ),
        sa.Column("batch_id", sa.UUID(), nullable=True, comment="the batch it came with"),
        sa.Column(
            "attempt",
            sa.SmallInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="the delivery that stored it, from 1",
        ),
        sa.Column(
            "booked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.CheckConstraint(
            "commit_price >= 0 AND commit_price < 1e18", name=op.f("usage_line_commit_price_not_negative_check")
        ),
        sa.CheckConstraint(
            "list_price >= 0 AND list_price < 1e18", name=op.f("usage_line_list_price_not_negative_check")
        ),
        sa.CheckConstraint("quantity >= 0 AND quantity < 1e18", name=op.f("usage_line_quantity_not_negative_check")),
        sa.PrimaryKeyConstraint("account_id", "transaction_id", name=op.f("usage_line_pkey")),
        comment="Rated usage, as it came. Neither changed nor removed.",
    )
    op.create_index(
        op.f("usage_line_account_id_batch_id_idx"),
        "usage_line",
        ["account_id", "batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        op.f("usage_line_account_id_customer_id_at_idx"),
        "usage_line",
        ["account_id", "customer_id", "at"],
        unique=False,
    )
    op.create_index("usage_line_account_id_request_id_key", "usage_line", ["account_id", "request_id"], unique=True)
    op.create_index(
        "usage_line_late_idx",
        "usage_line",
        ["account_id", "customer_id", "at"],
        unique=False,
        postgresql_where=sa.text("is_late"),
    )
    op.create_table(
        "usage_month",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who used something"),
        sa.Column("starting_at", sa.DateTime(timezone=True), nullable=False, comment="of the calendar month, in UTC"),
        sa.Column(
            "state",
            sa.Text(),
            server_default=sa.text("'open'"),
            nullable=False,
            comment="open, or parked after failed tries",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is parked"),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="failed tries"),
        sa.Column(
            "settles_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="real time; not closed before, as it was over when its first line came; null: it was not",
        ),
        sa.CheckConstraint("state IN ('open', 'parked')", name=op.f("usage_month_state_check")),
        sa.PrimaryKeyConstraint("account_id", "customer_id", "starting_at", name=op.f("usage_month_pkey")),
        comment="Months with usage that are still to be closed: the row goes with the transaction that closes it.",
    )
    op.create_index(
        "usage_month_open_idx",
        "usage_month",
        ["account_id", "starting_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "usage_period",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="the invoice's id, where the contract's usage is invoiced"),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who used it"),
        sa.Column("contract_id", sa.UUID(), nullable=False, comment="under which contract"),
        sa.Column("unit_id", sa.UUID(), nullable=False, comment="of its prices"),
        sa.Column("starting_at", sa.DateTime(timezone=True), nullable=False, comment="inclusive: the start of a month"),
        sa.Column(
            "ending_before", sa.DateTime(timezone=True), nullable=False, comment="exclusive: the start of the next"
        ),
        sa.Column(
            "is_invoiced",
            sa.Boolean(),
            nullable=False,
            comment="whether an invoice was made: the contract's usage_invoicing",
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False, comment="the account's clock"),
        sa.Column(
            "booked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column(
            "voided_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the account's clock; its deductions were taken back",
        ),
        sa.Column("regenerated_from_id", sa.UUID(), nullable=True, comment="the void period that this one replaces"),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("usage_period_pkey")),
        comment="What was closed: a contract's usage of one month and unit. Its lines are invoice lines.",
    )
    op.create_index(
        op.f("usage_period_account_id_customer_id_starting_at_idx"),
        "usage_period",
        ["account_id", "customer_id", "starting_at"],
        unique=False,
    )
    op.create_index(
        "usage_period_one_per_month_key",
        "usage_period",
        ["account_id", "contract_id", "unit_id", "starting_at"],
        unique=True,
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.add_column(
        "customer",
        sa.Column(
            "usage_closed_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="usage before this instant, the start of a month, is final; null: no month is closed yet. Intake locks the row FOR SHARE, whoever closes FOR NO KEY UPDATE: a line counts in its month, or is late",
        ),
    )
    op.alter_column(
        "invoice",
        "id",
        existing_type=sa.UUID(),
        comment="the obligation's, or the usage period's",
        existing_comment="the obligation's id",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice",
        "type",
        existing_type=sa.TEXT(),
        comment="SCHEDULED (of a commit) or USAGE (of a month)",
        existing_comment="SCHEDULED",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice",
        "issued_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="invoice date: the scheduled timestamp, or the end of the month",
        existing_comment="invoice date: the scheduled timestamp",
        existing_nullable=False,
    )
    op.add_column(
        "invoice_line",
        sa.Column(
            "kind",
            sa.Text(),
            server_default=sa.text("'charge'"),
            nullable=False,
            comment="charge (what a commit bills), usage (what was used, and who pays for it) or applied (what a balance paid)",
        ),
    )
    op.add_column(
        "invoice_line",
        sa.Column(
            "is_billed",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="whether the total holds it; what a postpaid commit covers is shown only",
        ),
    )
    op.add_column(
        "invoice_line",
        sa.Column("segment_id", sa.UUID(), nullable=True, comment="of that commit, where it draws on one"),
    )
    op.add_column(
        "invoice_line",
        sa.Column(
            "criterion",
            sa.SmallInteger(),
            nullable=True,
            comment="which rule of the order of balances (1 to 11) put it first; null: no rival",
        ),
    )
    op.add_column(
        "invoice_line",
        sa.Column(
            "pricing_group_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="of a usage line"
        ),
    )
    op.add_column(
        "invoice_line",
        sa.Column(
            "presentation_group_values",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of a usage line",
        ),
    )
    op.add_column(
        "invoice_line",
        sa.Column("starting_at", sa.DateTime(timezone=True), nullable=True, comment="of a usage line: its first hour"),
    )
    op.add_column(
        "invoice_line",
        sa.Column(
            "ending_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of a usage line: the end of its last hour",
        ),
    )
    op.alter_column(
        "invoice_line",
        "invoice_id",
        existing_type=sa.UUID(),
        comment="whose line; a usage period that makes no invoice has lines all the same",
        existing_comment="whose line",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice_line",
        "position",
        existing_type=sa.SMALLINT(),
        type_=sa.Integer(),
        existing_comment="from 0",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice_line",
        "commit_id",
        existing_type=sa.UUID(),
        comment="the commit it belongs to; of a usage line, the one that pays; null: overage",
        existing_comment="the commit it belongs to",
        existing_nullable=True,
    )
    op.add_column(
        "ledger_entry",
        sa.Column(
            "period_id", sa.UUID(), nullable=True, comment="the closed usage period it was booked with; null: none"
        ),
    )
    op.add_column(
        "obligation",
        sa.Column(
            "released_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="real time; an operator let it be made although it had been held",
        ),
    )
    op.alter_column(
        "obligation",
        "due_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="when to look at it; for a true-up not before the month in which access ends is closed",
        existing_comment="when to look at it; for a true-up not before access has ended",
        existing_nullable=False,
    )
    op.add_column(
        "segment",
        sa.Column(
            "expires",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="what is left of it is still to expire; a postpaid commit's is trued up instead",
        ),
    )
    op.add_column(
        "segment",
        sa.Column(
            "granted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it came to be, the account's clock",
        ),
    )
    op.create_index(
        "segment_expiring_idx",
        "segment",
        ["account_id", sa.text(LAPSES_AFTER)],
        unique=False,
        postgresql_where=sa.text("expires"),
    )
    op.create_check_constraint(
        op.f("invoice_line_kind_check"), "invoice_line", "kind IN ('charge', 'usage', 'applied')"
    )
    op.execute(GRANTED)
    op.execute(WAITS_FOR_ITS_MONTH)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("segment_expiring_idx", table_name="segment", postgresql_where=sa.text("expires"))
    op.drop_column("segment", "granted_at")
    op.drop_column("segment", "expires")
    op.alter_column(
        "obligation",
        "due_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="when to look at it; for a true-up not before access has ended",
        existing_comment="when to look at it; for a true-up not before the month in which access ends is closed",
        existing_nullable=False,
    )
    op.drop_column("obligation", "released_at")
    op.drop_column("ledger_entry", "period_id")
    op.alter_column(
        "invoice_line",
        "commit_id",
        existing_type=sa.UUID(),
        comment="the commit it belongs to",
        existing_comment="the commit it belongs to; of a usage line, the one that pays; null: overage",
        existing_nullable=True,
    )
    op.alter_column(
        "invoice_line",
        "position",
        existing_type=sa.Integer(),
        type_=sa.SMALLINT(),
        existing_comment="from 0",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice_line",
        "invoice_id",
        existing_type=sa.UUID(),
        comment="whose line",
        existing_comment="whose line; a usage period that makes no invoice has lines all the same",
        existing_nullable=False,
    )
    op.drop_column("invoice_line", "ending_before")
    op.drop_column("invoice_line", "starting_at")
    op.drop_column("invoice_line", "presentation_group_values")
    op.drop_column("invoice_line", "pricing_group_values")
    op.drop_column("invoice_line", "criterion")
    op.drop_column("invoice_line", "segment_id")
    op.drop_column("invoice_line", "is_billed")
    op.drop_column("invoice_line", "kind")
    op.alter_column(
        "invoice",
        "issued_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="invoice date: the scheduled timestamp",
        existing_comment="invoice date: the scheduled timestamp, or the end of the month",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice",
        "type",
        existing_type=sa.TEXT(),
        comment="SCHEDULED",
        existing_comment="SCHEDULED (of a commit) or USAGE (of a month)",
        existing_nullable=False,
    )
    op.alter_column(
        "invoice",
        "id",
        existing_type=sa.UUID(),
        comment="the obligation's id",
        existing_comment="the obligation's, or the usage period's",
        existing_nullable=False,
    )
    op.drop_column("customer", "usage_closed_before")
    op.drop_index(
        "usage_period_one_per_month_key", table_name="usage_period", postgresql_where=sa.text("voided_at IS NULL")
    )
    op.drop_index(op.f("usage_period_account_id_customer_id_starting_at_idx"), table_name="usage_period")
    op.drop_table("usage_period")
    op.drop_index("usage_month_open_idx", table_name="usage_month", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("usage_month")
    op.drop_index("usage_line_late_idx", table_name="usage_line", postgresql_where=sa.text("is_late"))
    op.drop_index("usage_line_account_id_request_id_key", table_name="usage_line")
    op.drop_index(op.f("usage_line_account_id_customer_id_at_idx"), table_name="usage_line")
    op.drop_index(
        op.f("usage_line_account_id_batch_id_idx"),
        table_name="usage_line",
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.drop_table("usage_line")
