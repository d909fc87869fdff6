"""what records are called: names, and ids of other systems"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAMED = ("customer", "product")
CONTRACT = "contract_name_idx"
ELSEWHERE = ("netsuite_sales_order_id", "salesforce_opportunity_id")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in NAMED:
        op.create_index(f"{table}_account_id_name_idx", table, ["account_id", "name"])
    op.create_index(CONTRACT, "contract", ["account_id", sa.text("(kept ->> 'name')")])
    for column in ELSEWHERE:
        has_one = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"commit_account_id_{column}_idx", "commit", ["account_id", column], postgresql_where=has_one)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in NAMED:
        op.drop_index(f"{table}_account_id_name_idx", table_name=table)
    op.drop_index(CONTRACT, table_name="contract")
    for column in ELSEWHERE:
        op.drop_index(f"commit_account_id_{column}_idx", table_name="commit")
