"""parties of invoices: seller and customer in versions, and which of them an invoice was finalized with"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

EMPTY, NOW = sa.text("''"), sa.text("now()")
PARTIES = "seller and customer as they were at its finalization; null: finalized before that was kept, so as they are"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "seller_profile",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("version", sa.Integer(), nullable=False, comment="from 1; the last one counts from its commit on"),
        *_party("as the sender of invoices"),
        _text("payment_terms", "what invoices say of them"),
        sa.Column("payment_terms_days", sa.Integer(), nullable=True, comment="null: an invoice says no due date"),
        _text("footer", "the last lines of an invoice"),
        sa.Column(
            "custom_fields",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="names of those that invoices show",
        ),
        sa.Column("logo", sa.LargeBinary(), nullable=True, comment="a PNG of our own making; null: none"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=NOW, nullable=False, comment="real time"),
        sa.CheckConstraint("octet_length(logo) <= 262144", name=op.f("seller_profile_logo_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("seller_profile_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "version", name=op.f("seller_profile_pkey")),
        comment="Who an account's invoices are from, in versions that never change.",
    )
    op.create_table(
        "billing_details",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who pays"),
        sa.Column("version", sa.Integer(), nullable=False, comment="from 1; the last one counts from its commit on"),
        *_party("on invoices; '': the customer's name in the catalog"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=NOW, nullable=False, comment="real time"),
        sa.ForeignKeyConstraint(
            ["account_id", "customer_id"],
            ["customer.account_id", "customer.id"],
            name=op.f("billing_details_account_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "customer_id", "version", name=op.f("billing_details_pkey")),
        comment="Whom a customer's invoices go to, in versions that never change.",
    )
    op.add_column("invoice", sa.Column("parties", sa.dialects.postgresql.JSONB(), nullable=True, comment=PARTIES))


def _party(named: str) -> list[sa.Column[str]]:
    return [
        _text("name", named),
        _text("address", "its lines"),
        _text("tax_id", "as people write it"),
        _text("email", "where invoices go"),
    ]


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=EMPTY, nullable=False, comment=comment)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("invoice", "parties")
    op.drop_table("billing_details")
    op.drop_table("seller_profile")
