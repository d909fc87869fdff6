"""pages of lists: the order of each list stands in an index that begins with its filter"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OF_CUSTOMER_WAS, OF_CUSTOMER_IS = "commit_account_id_customer_id_idx", "commit_account_id_customer_id_id_idx"
INVOICES, VOID = "invoice_account_id_customer_id_number_idx", "invoice_void_idx"
WAITING, PARKED = "obligation_waiting_idx", "parked_account_id_state_parked_at_id_idx"
IS_VOID, IS_WAITING = sa.text("status = 'VOID'"), sa.text("state IN ('held', 'parked')")
VOID_OBLIGATIONS, IS_VOIDED = "obligation_void_idx", sa.text("state = 'voided'")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(OF_CUSTOMER_IS, "commit", ["account_id", "customer_id", "id"])
    op.drop_index(OF_CUSTOMER_WAS, table_name="commit")
    op.create_index(INVOICES, "invoice", ["account_id", "customer_id", "number"])
    op.create_index(VOID, "invoice", ["account_id", "number"], postgresql_where=IS_VOID)
    op.create_index(
        WAITING, "obligation", ["account_id", "due_at", "commit_id", "position"], postgresql_where=IS_WAITING
    )
    op.create_index(VOID_OBLIGATIONS, "obligation", ["account_id", "commit_id"], postgresql_where=IS_VOIDED)
    op.create_index(PARKED, "parked", ["account_id", "state", "parked_at", "id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(OF_CUSTOMER_WAS, "commit", ["account_id", "customer_id"])
    op.drop_index(OF_CUSTOMER_IS, table_name="commit")
    op.drop_index(INVOICES, table_name="invoice")
    op.drop_index(VOID, table_name="invoice")
    op.drop_index(VOID_OBLIGATIONS, table_name="obligation")
    op.drop_index(WAITING, table_name="obligation")
    op.drop_index(PARKED, table_name="parked")
