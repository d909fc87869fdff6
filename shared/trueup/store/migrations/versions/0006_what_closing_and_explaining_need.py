"""what closing and explaining need"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
OPEN, IS_OPEN = "usage_month_open_idx", sa.text("state = 'open'")
SETTLES_WAS = "real time; not closed before, as it was over when its first line came; null: it was not"
SETTLES_IS = "real time; not closed before: it was over when its first line came, or a try failed; null: neither"
OPENED = "real time; lines put its closing off for a day from then on, and no longer"
HOURS = "of a usage line: the hours of the month, from 0, of which it holds usage"
BOOKED_WAS = "real time"
BOOKED_IS = "real time, once its customer was locked where it is POSTPAID"
WIDENED = "real time; an edit let it cover usage that had been billed before (POSTPAID)"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.alter_column(
        "usage_month",
        "settles_at",
        existing_type=AT,
        comment=SETTLES_IS,
        existing_comment=SETTLES_WAS,
        existing_nullable=True,
    )
    opened = sa.Column("opened_at", AT, server_default=sa.text("now()"), nullable=False, comment=OPENED)
    # A build had these three columns in earlier migrations.
    op.add_column("usage_month", opened, if_not_exists=True)
    op.drop_index(OPEN, table_name="usage_month")
    op.create_index(OPEN, "usage_month", ["account_id", "starting_at", "customer_id"], postgresql_where=IS_OPEN)
    hours: sa.Column[list[int]] = sa.Column("hours", postgresql.ARRAY(sa.SmallInteger()), nullable=True, comment=HOURS)
    op.add_column("invoice_line", hours, if_not_exists=True)
    op.add_column("commit", sa.Column("widened_at", AT, nullable=True, comment=WIDENED), if_not_exists=True)
    op.alter_column(
        "commit", "booked_at", existing_type=AT, comment=BOOKED_IS, existing_comment=BOOKED_WAS, existing_nullable=False
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.alter_column(
        "commit", "booked_at", existing_type=AT, comment=BOOKED_WAS, existing_comment=BOOKED_IS, existing_nullable=False
    )
    op.drop_column("commit", "widened_at")
    op.drop_column("invoice_line", "hours")
    op.drop_index(OPEN, table_name="usage_month")
    op.create_index(OPEN, "usage_month", ["account_id", "starting_at"], postgresql_where=IS_OPEN)
    op.drop_column("usage_month", "opened_at")
    op.alter_column(
        "usage_month",
        "settles_at",
        existing_type=AT,
        comment=SETTLES_WAS,
        existing_comment=SETTLES_IS,
        existing_nullable=True,
    )
