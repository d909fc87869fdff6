"""where the ids of kept envelopes lie"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEX = "intake_account_id_last_id_first_id_idx"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    first = "the least id of its requests; null: nobody has read them"
    op.add_column("intake", sa.Column("first_id", sa.UUID(), nullable=True, comment=first))
    op.add_column("intake", sa.Column("last_id", sa.UUID(), nullable=True, comment="the greatest id of its requests"))
    op.create_index(INDEX, "intake", ["account_id", "last_id", "first_id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index(INDEX, table_name="intake")
    op.drop_column("intake", "last_id")
    op.drop_column("intake", "first_id")
