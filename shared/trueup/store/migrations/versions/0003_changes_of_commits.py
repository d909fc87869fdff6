"""changes of commits"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SUCCESSORS = {"obligation": "obligation_one_successor_key", "usage_period": "usage_period_one_successor_key"}
AMOUNT_WAS = "money or units granted"
AMOUNT_IS = "money or units granted; 0: an edit took the item away"
ENDING_WAS = "exclusive, on a whole hour"
ENDING_IS = "exclusive, on a whole hour; the start itself: access was ended before it began"
SUPPRESSED_WAS = "why it will settle without an invoice: do_not_invoice, true_up_disabled, archived"
SUPPRESSED_IS = (
    "why it settles without an invoice: do_not_invoice, true_up_disabled, archived, invoices_ended (by an end date), "
    "removed (by an edit)"
)

# A closed period changes in one way: it is voided, once. A line of usage does too: it is taken in, late.
PERIOD_IMMUTABLE = """
CREATE FUNCTION refuse_period_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.voided_at IS NULL AND NEW.voided_at IS NOT NULL
       AND to_jsonb(OLD) - 'voided_at' = to_jsonb(NEW) - 'voided_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage period % is final: void it and make another', OLD.id USING ERRCODE = 'restrict_violation';
END $$
"""
LINE_IMMUTABLE = """
CREATE FUNCTION refuse_usage_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.is_late AND NOT NEW.is_late AND to_jsonb(OLD) - 'is_late' = to_jsonb(NEW) - 'is_late' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage is never changed' USING ERRCODE = 'restrict_violation';
END $$
"""
IMMUTABLE = {"usage_period": "refuse_period_change", "usage_line": "refuse_usage_change"}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(PERIOD_IMMUTABLE)
    op.execute(LINE_IMMUTABLE)
    for table, function in IMMUTABLE.items():
        op.execute(
            f"CREATE TRIGGER {table}_immutable BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.drop_constraint(op.f("segment_amount_positive_check"), "segment", type_="check")
    op.drop_constraint(op.f("segment_window_check"), "segment", type_="check")
    op.create_check_constraint(op.f("segment_amount_not_negative_check"), "segment", "amount >= 0 AND amount < 1e18")
    op.create_check_constraint(op.f("segment_window_check"), "segment", "starting_at <= ending_before")
    for table, index in SUCCESSORS.items():
        op.create_index(
            index,
            table,
            ["account_id", "regenerated_from_id"],
            unique=True,
            postgresql_where=sa.text("regenerated_from_id IS NOT NULL"),
        )
    _comment("segment", "amount", sa.Numeric(), AMOUNT_IS, was=AMOUNT_WAS, nullable=False)
    _comment("segment", "ending_before", sa.DateTime(timezone=True), ENDING_IS, was=ENDING_WAS, nullable=False)
    _comment("obligation", "suppressed_by", sa.Text(), SUPPRESSED_IS, was=SUPPRESSED_WAS, nullable=True)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table, function in IMMUTABLE.items():
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
        op.execute(f"DROP TRIGGER {table}_immutable ON {table}")
        op.execute(f"DROP FUNCTION {function}()")
    _comment("obligation", "suppressed_by", sa.Text(), SUPPRESSED_WAS, was=SUPPRESSED_IS, nullable=True)
    _comment("segment", "ending_before", sa.DateTime(timezone=True), ENDING_WAS, was=ENDING_IS, nullable=False)
    _comment("segment", "amount", sa.Numeric(), AMOUNT_WAS, was=AMOUNT_IS, nullable=False)
    for table, index in SUCCESSORS.items():
        op.drop_index(index, table_name=table)
    op.drop_constraint(op.f("segment_window_check"), "segment", type_="check")
    op.drop_constraint(op.f("segment_amount_not_negative_check"), "segment", type_="check")
    op.create_check_constraint(op.f("segment_window_check"), "segment", "starting_at < ending_before")
    op.create_check_constraint(op.f("segment_amount_positive_check"), "segment", "amount > 0 AND amount < 1e18")


def _comment(table: str, column: str, kind: Any, text: str, *, was: str, nullable: bool) -> None:
    op.alter_column(table, column, existing_type=kind, comment=text, existing_comment=was, existing_nullable=nullable)
