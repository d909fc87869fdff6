"""finding requests: refused ones by time, rows of a batch by outcome, batches by age"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BATCH_WAS, BATCH_IS = "outcome_account_id_batch_id_idx", "outcome_account_id_batch_id_outcome_request_id_idx"
TIME, AGE = "outcome_account_id_decided_at_request_id_idx", "batch_account_id_created_at_id_idx"
IN_BATCH = sa.text("batch_id IS NOT NULL")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(BATCH_IS, "outcome", ["account_id", "batch_id", "outcome", "request_id"], postgresql_where=IN_BATCH)
    op.drop_index(BATCH_WAS, table_name="outcome")
    op.create_index(TIME, "outcome", ["account_id", "decided_at", "request_id"])
    op.create_index(AGE, "batch", ["account_id", "created_at", "id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(BATCH_WAS, "outcome", ["account_id", "batch_id"], postgresql_where=IN_BATCH)
    op.drop_index(BATCH_IS, table_name="outcome")
    op.drop_index(TIME, table_name="outcome")
    op.drop_index(AGE, table_name="batch")
