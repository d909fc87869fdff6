"""webhooks: when an endpoint failed last; the books and the parties of invoices are append-only"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0031"
branch_labels = None
depends_on = None

WRITTEN_ONCE = ("account_codes", "billing_details", "closed_month", "journal_line", "revaluation", "seller_profile")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "webhook_endpoint",
        sa.Column(
            "failed_at", sa.DateTime(timezone=True), nullable=True, comment="the last failure; null: there was none"
        ),
    )
    op.execute("UPDATE webhook_endpoint SET failed_at = now() WHERE failing_since IS NOT NULL")
    for table in WRITTEN_ONCE:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in WRITTEN_ONCE:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.drop_column("webhook_endpoint", "failed_at")
