"""what the sdk keeps"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEYED = {
    "contract": "used once per account, for ever",
    "ledger_entry": "of an entry booked by hand: used once, for ever",
}
KEPT = "what else was said at its creation: returned, and used for nothing"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "ingest_alias",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("alias", sa.Text(), nullable=False, comment="unique in the account"),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who is meant"),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="place among the customer's, from 0"),
        sa.ForeignKeyConstraint(
            ["account_id", "customer_id"],
            ["customer.account_id", "customer.id"],
            name=op.f("ingest_alias_account_id_customer_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "alias", name=op.f("ingest_alias_pkey")),
        comment="Catalog: what producers of usage call a customer. Kept and returned.",
    )
    op.create_index(op.f("ingest_alias_account_id_customer_id_idx"), "ingest_alias", ["account_id", "customer_id"])
    op.create_table(
        "answered_call",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the token's key id, method, path and body",
        ),
        sa.Column(
            "answer",
            sa.Text(),
            nullable=True,
            comment="the body that it was answered with; null: only while it is worked on",
        ),
        sa.Column(
            "answered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time; kept for ten minutes",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("answered_call_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "digest", name=op.f("answered_call_pkey")),
        comment="Calls over HTTP that changed something at once: a client's own retry gets the same answer.",
    )
    op.create_index(op.f("answered_call_answered_at_idx"), "answered_call", ["answered_at"])
    op.add_column("batch", _content_rows())
    for table in ("contract", "product"):
        op.add_column(table, _kept())
    for table, comment in KEYED.items():
        op.add_column(table, sa.Column("uniqueness_key", sa.Text(), nullable=True, comment=comment))
        op.create_index(
            f"{table}_uniqueness_key_key",
            table,
            ["account_id", "uniqueness_key"],
            unique=True,
            postgresql_where=sa.text("uniqueness_key IS NOT NULL"),
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in KEYED:
        op.drop_index(f"{table}_uniqueness_key_key", table_name=table)
        op.drop_column(table, "uniqueness_key")
    for table in ("contract", "product"):
        op.drop_column(table, "kept")
    op.drop_column("batch", "content_rows")
    op.drop_table("answered_call")
    op.drop_table("ingest_alias")


def _content_rows() -> sa.Column[Any]:
    comment = "how many the content has: an upload is received in parts; null: as `rows`"
    return sa.Column("content_rows", sa.BigInteger(), nullable=True, comment=comment)


def _kept() -> sa.Column[Any]:
    return sa.Column("kept", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'"), comment=KEPT)
