"""look-ups of batches: what the texts of a file were found to name"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0019"
branch_labels = None
depends_on = None

COMMENT = "What the texts of a batch's file were found to name: a batch that is resumed is sent as it was begun."


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "batch_lookup",
        sa.Column("account_id", sa.Integer, nullable=False, comment="whose row this is"),
        sa.Column("batch_id", sa.Uuid, nullable=False, comment="whose file"),
        sa.Column(
            "digest",
            sa.LargeBinary,
            nullable=False,
            comment="SHA-256 of what was asked for: kind, way, text, and of a contract its customer",
        ),
        sa.Column("kind", sa.Text, nullable=False, comment="customer, product, contract or unit"),
        sa.Column("named", sa.Text, nullable=False, comment="the text in the file"),
        sa.Column("record_id", sa.Uuid, nullable=False, comment="the record that it named when the batch was begun"),
        sa.Column("record_name", sa.Text, nullable=False, comment="what that was called then"),
        sa.PrimaryKeyConstraint("account_id", "batch_id", "digest", name="batch_lookup_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="batch_lookup_account_id_fkey"),
        comment=COMMENT,
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("batch_lookup")
