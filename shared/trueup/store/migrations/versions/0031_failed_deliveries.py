"""webhooks: deliveries that failed are found without those that did not"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

INDEX = "webhook_delivery_failed_idx"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(
        INDEX, "webhook_delivery", ["endpoint_id", "position"], postgresql_where=sa.text("state = 'failed'")
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index(INDEX, table_name="webhook_delivery")
