"""the line of heavy envelopes"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LINE, IN_LINE = "intake_line_idx", sa.text("in_line_since IS NOT NULL")
DUE_WAS, DUE_IS = "intake_due_at_idx", "intake_account_id_due_at_idx"
SINCE = "real time; too heavy for one transaction, one of an account at a time; null: not in line"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("intake", sa.Column("in_line_since", sa.DateTime(timezone=True), nullable=True, comment=SINCE))
    op.create_index(DUE_IS, "intake", ["account_id", "due_at"])
    op.drop_index(DUE_WAS, table_name="intake")
    op.create_index(LINE, "intake", ["account_id", "in_line_since", "digest"], postgresql_where=IN_LINE)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(DUE_WAS, "intake", ["due_at"])
    op.drop_index(DUE_IS, table_name="intake")
    op.drop_index(LINE, table_name="intake")
    op.drop_column("intake", "in_line_since")
