"""how much is parked"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WHOLE = "size of both arguments, of which only the beginnings are kept; null: all is"
COUNT = """
    INSERT INTO parked_total (account_id, bytes, unkept)
    SELECT account_id, sum(octet_length(meta) + octet_length(requests)), 0 FROM parked
     WHERE account_id IS NOT NULL AND state = 'parked' GROUP BY account_id
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("parked", sa.Column("whole_bytes", sa.Integer(), nullable=True, comment=WHOLE))
    op.create_table(
        "parked_total",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="of both arguments of all that is in state parked"),
        sa.Column(
            "unkept", sa.BigInteger(), nullable=False, comment="beyond the bound: parked by their outcomes alone"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("parked_total_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("parked_total_pkey")),
        comment="How much each account has parked.",
    )
    op.execute(COUNT)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("parked_total")
    op.drop_column("parked", "whole_bytes")
