"""months of the books: journal lines of closed months, the codes of accounts, what commits were worth before edits"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

AT, ID = sa.DateTime(timezone=True), postgresql.UUID(as_uuid=True)
JSON = postgresql.JSONB(astext_type=sa.Text())
WHOSE = "whose row this is"


def required(name: str, kind: Any, comment: str, default: str | None = None) -> sa.Column[Any]:
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, kind, nullable=False, comment=comment, server_default=server_default)


def optional(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "account_codes",
        required("account_id", sa.Integer(), WHOSE),
        required("version", sa.Integer(), "from 1; 0 are the defaults, which have no row"),
        required("codes", JSON, "code by account"),
        required("made_at", AT, "real time", "now()"),
        required("made_by", sa.Text(), "key id of the token"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("account_codes_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "version", name=op.f("account_codes_pkey")),
        comment="Codes that the accounts of the journal have in the books of the house, version by version.",
    )
    op.create_table(
        "closed_month",
        required("account_id", sa.Integer(), WHOSE),
        required("starting_at", AT, "of the calendar month, in UTC"),
        required("closed_at", AT, "real time", "now()"),
        required("closed_by", sa.Text(), "key id of the token"),
        required("codes_version", sa.Integer(), "of the account codes that it was closed with"),
        required("entries", sa.BigInteger(), "entries of its journal"),
        required("totals", JSON, "sum of the debits, which is that of the credits, by currency, as decimal text"),
        required("left_out", JSON, "names of units that are no money, in which something was invoiced"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("closed_month_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "starting_at", name=op.f("closed_month_pkey")),
        comment="Months of the books that are closed: their journal does not change any more.",
    )
    op.create_table(
        "journal_line",
        required("account_id", sa.Integer(), WHOSE),
        required("month", AT, "the closed month that it is in"),
        required("entry", sa.BigInteger(), "number in the month, from 1"),
        required("line", sa.SmallInteger(), "of the entry, from 0"),
        required("source", sa.Text(), "what is booked: issued, voided, recorded, ledger or revalued"),
        required("source_id", ID, "of the invoice, obligation, ledger entry or revaluation"),
        required("event", sa.Text(), "in words"),
        required("dated", AT, "accounting date"),
        required("booked_at", AT, "the account's clock"),
        required("account", sa.Text(), "receivable, revenue, …"),
        required("code", sa.Text(), "of the account, as it was when the month was closed"),
        required("debit", sa.Numeric(), "in the currency, 0 where it is a credit"),
        required("credit", sa.Numeric(), "in the currency, 0 where it is a debit"),
        required("currency", sa.Text(), "ISO 4217"),
        required("customer_id", ID, "who pays"),
        optional("contract_id", ID, "under which contract"),
        optional("commit_id", ID, "the commit that it is about"),
        optional("invoice_id", ID, "the invoice that it is about"),
        optional("invoice_number", sa.BigInteger(), "its number"),
        sa.CheckConstraint(
            "debit >= 0 AND credit >= 0 AND (debit > 0) <> (credit > 0)", name=op.f("journal_line_one_side_check")
        ),
        sa.PrimaryKeyConstraint("account_id", "month", "entry", "line", name=op.f("journal_line_pkey")),
        comment="Journal of closed months, as it was exported. Neither changed nor removed.",
    )
    op.create_index(
        "journal_line_source_key", "journal_line", ["account_id", "source_id", "source", "line"], unique=True
    )
    op.create_table(
        "revaluation",
        required("account_id", sa.Integer(), WHOSE),
        required("commit_id", ID, "a PREPAID commit whose schedules were changed"),
        required("position", sa.Integer(), "from 0: what it was worth at its creation"),
        required("id", ID, "of its own", "gen_random_uuid()"),
        required("after_seq", sa.BigInteger(), "the last ledger entry of the commit that was booked before"),
        required("instalments", sa.Numeric(), "what is invoiced for it, in the unit of its invoices"),
        required("access", sa.Numeric(), "what may be drawn for that, in the unit of its access"),
        required("booked_at", AT, "real time", "now()"),
        sa.PrimaryKeyConstraint("account_id", "commit_id", "position", name=op.f("revaluation_pkey")),
        comment="What commits were worth before and after their schedules were changed; of others there is no row.",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("revaluation", "journal_line", "closed_month", "account_codes"):
        op.drop_table(table)
