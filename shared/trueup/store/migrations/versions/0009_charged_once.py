"""charged once"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
SETTLED = "the true-up that an operator released to bill for this void usage, until it is void"
PAID = "real time; somebody said that it is paid: it is not voided until that is taken back"
EXPORTED = "real time; somebody said that it is in other books: as for paid_at"
WIDENED = "real time; an edit let it cover usage that had been billed before (POSTPAID)"
RELEASED = "real time; an operator let it be made although it had been held"
UNUSED = "read no more"
TYPE_IS = "what was booked: a grant, a draw, an expiry, a true-up, or an entry by hand"
TYPE_WAS = "spec 3.2"
PARKED_IS = "what kept it from being decided"
PARKED_WAS = "what kept it from being decided (spec 2.5)"

# Of a final invoice two marks change; of a void period, which true-up asks for its usage.
INVOICE_IMMUTABLE = """
CREATE OR REPLACE FUNCTION refuse_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := CASE WHEN NEW.status = 'VOID' THEN {voiding} ELSE {marks} END;
BEGIN
    IF OLD.status = 'FINALIZED' AND to_jsonb(OLD) - free = to_jsonb(NEW) - free THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is final: void it and make another', OLD.number USING ERRCODE = 'restrict_violation';
END $$
"""
PERIOD_IMMUTABLE = """
CREATE OR REPLACE FUNCTION refuse_period_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.voided_at IS NULL AND NEW.voided_at IS NOT NULL
       AND to_jsonb(OLD) - 'voided_at' = to_jsonb(NEW) - 'voided_at' THEN
        RETURN NEW;
    END IF;{settled}
    RAISE EXCEPTION 'usage period % is final: void it and make another', OLD.id USING ERRCODE = 'restrict_violation';
END $$
"""
SETTLED_CHANGES = """
    IF OLD.voided_at IS NOT NULL AND to_jsonb(OLD) - 'settled_by_id' = to_jsonb(NEW) - 'settled_by_id' THEN
        RETURN NEW;
    END IF;"""
VOIDING = "ARRAY['status', 'voided_at']"
MARKS = "ARRAY['paid_at', 'exported_at']"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("usage_period", sa.Column("settled_by_id", sa.UUID(), nullable=True, comment=SETTLED))
    op.add_column("invoice", sa.Column("paid_at", AT, nullable=True, comment=PAID))
    op.add_column("invoice", sa.Column("exported_at", AT, nullable=True, comment=EXPORTED))
    op.create_table(
        "excepted_line",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("commit_id", sa.UUID(), nullable=False, comment="the POSTPAID commit that is trued up beside it"),
        sa.Column("invoice_id", sa.UUID(), nullable=False, comment="of the invoice or usage period whose line it is"),
        sa.Column("position", sa.Integer(), nullable=False, comment="of the line"),
        sa.Column("booked_at", AT, server_default=sa.text("now()"), nullable=False, comment="real time"),
        sa.PrimaryKeyConstraint("account_id", "commit_id", "invoice_id", "position", name="excepted_line_pkey"),
        comment="Usage that a commit could have covered, and an operator let its true-up ask for all the same.",
    )
    op.create_index(
        "usage_period_void_idx",
        "usage_period",
        ["account_id", "customer_id"],
        postgresql_where=sa.text("voided_at IS NOT NULL"),
    )
    op.create_index("obligation_held_idx", "obligation", ["account_id"], postgresql_where=sa.text("state = 'held'"))
    _comment("commit", "widened_at", UNUSED, WIDENED)
    _comment("ledger_entry", "type", TYPE_IS, TYPE_WAS, kind=sa.Text(), nullable=False)
    _comment("parked", "reason", PARKED_IS, PARKED_WAS, kind=sa.Text(), nullable=False)
    _comment("obligation", "released_at", UNUSED, RELEASED)
    op.execute(INVOICE_IMMUTABLE.format(voiding=VOIDING, marks=MARKS))
    op.execute(PERIOD_IMMUTABLE.format(settled=SETTLED_CHANGES))
    # What was held by months is judged by lines, at the next look.
    op.execute(
        "UPDATE obligation SET state = 'pending', reason = NULL, settled_at = NULL"
        " WHERE state = 'held' AND kind = 'TRUE_UP'"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(INVOICE_IMMUTABLE.format(voiding=VOIDING, marks="ARRAY[]::text[]"))
    op.execute(PERIOD_IMMUTABLE.format(settled=""))
    _comment("obligation", "released_at", RELEASED, UNUSED)
    _comment("parked", "reason", PARKED_WAS, PARKED_IS, kind=sa.Text(), nullable=False)
    _comment("ledger_entry", "type", TYPE_WAS, TYPE_IS, kind=sa.Text(), nullable=False)
    _comment("commit", "widened_at", WIDENED, UNUSED)
    op.drop_index("obligation_held_idx", table_name="obligation")
    op.drop_index("usage_period_void_idx", table_name="usage_period")
    op.drop_table("excepted_line")
    op.drop_column("invoice", "exported_at")
    op.drop_column("invoice", "paid_at")
    op.drop_column("usage_period", "settled_by_id")


def _comment(
    table: str, column: str, now: str, before: str, *, kind: sa.types.TypeEngine[Any] = AT, nullable: bool = True
) -> None:
    op.alter_column(table, column, existing_type=kind, comment=now, existing_comment=before, existing_nullable=nullable)
