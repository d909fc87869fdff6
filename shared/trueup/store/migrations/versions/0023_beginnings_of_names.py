"""beginnings of names: commits are found by what their key, name or id elsewhere begins with"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0025"
branch_labels = None
depends_on = None

NAMES = ("uniqueness_key", "name", "salesforce_opportunity_id", "netsuite_sales_order_id")
ELSEWHERE = ("netsuite_sales_order_id", "salesforce_opportunity_id")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in ELSEWHERE:
        op.drop_index(f"commit_account_id_{column}_idx", table_name="commit")
    # No row is written again; the index of keys is made anew: two seconds for a million.
    for column in NAMES:
        op.execute(f'ALTER TABLE commit ALTER COLUMN {column} TYPE text COLLATE "C"')
    for column in (*ELSEWHERE, "name"):
        has_one = sa.text(f"{column} IS NOT NULL")
        columns = ["account_id", column, "id"]
        op.create_index(f"commit_account_id_{column}_id_idx", "commit", columns, postgresql_where=has_one)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in (*ELSEWHERE, "name"):
        op.drop_index(f"commit_account_id_{column}_id_idx", table_name="commit")
    for column in NAMES:
        op.execute(f'ALTER TABLE commit ALTER COLUMN {column} TYPE text COLLATE "default"')
    for column in ELSEWHERE:
        has_one = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"commit_account_id_{column}_idx", "commit", ["account_id", column], postgresql_where=has_one)
