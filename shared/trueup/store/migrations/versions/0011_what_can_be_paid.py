"""what can be paid"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BEFORE = "what the instalments before it come to, of a schedule that was expanded; null: of no other"
KEPT = "what the items before it came to when an edit made a list of an expanded schedule; null: there was none"
ROUNDED = "whether the quantity was rounded to twelve decimals"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("invoice", sa.Column("instalments_before", sa.Numeric(), nullable=True, comment=BEFORE))
    op.add_column("obligation", sa.Column("instalments_before", sa.Numeric(), nullable=True, comment=KEPT))
    op.add_column(
        "invoice_line",
        sa.Column("is_rounded", sa.Boolean(), nullable=False, server_default=sa.text("false"), comment=ROUNDED),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("invoice_line", "is_rounded")
    op.drop_column("obligation", "instalments_before")
    op.drop_column("invoice", "instalments_before")
