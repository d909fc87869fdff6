"""why requests were refused: their bodies, for a term; customer and key, by which they are found; the first time"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0022"
branch_labels = None
depends_on = None

FACTS: dict[str, tuple[Any, str]] = {
    "first_decided_at": (
        sa.TIMESTAMP(timezone=True),
        "real time, of the first time; null: it was decided once, at decided_at",
    ),
    "customer": (sa.Text(), "as the body names it, where that can be read"),
    "uniqueness_key": (sa.Text(), "as the body gives it; of a usage line its transaction id"),
}
FOUND_BY = ("customer", "uniqueness_key")
BODIES = "refused_body_kept_at_idx"
CHANGED_WAS, SUBJECT_IS = "audit_changed_commit_idx", "audit_account_id_subject_seq_idx"
BY_HAND = sa.text("action IN ('adjust_commit', 'disable_true_up', 'edit_commit', 'end_commit')")
BATCHES_BY = {"source": None, "name": sa.text("name IS NOT NULL")}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name, (kind, comment) in FACTS.items():
        op.add_column("outcome", sa.Column(name, kind, nullable=True, comment=comment))
    for name in FOUND_BY:
        has_one = sa.text(f"{name} IS NOT NULL")
        columns = ["account_id", name, "decided_at", "request_id"]
        op.create_index(f"outcome_account_id_{name}_decided_at_request_id_idx", "outcome", columns, **_where(has_one))
    op.create_table(
        "refused_body",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("request_id", sa.UUID(), nullable=False, comment="whose body"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="as received"),
        sa.Column(
            "whole_bytes",
            sa.Integer(),
            nullable=True,
            comment="its size, of which only the beginning is kept; null: all is",
        ),
        sa.Column(
            "kept_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="decided_at of the outcome that it belongs to",
        ),
        sa.PrimaryKeyConstraint("account_id", "request_id", name=op.f("refused_body_pkey")),
        comment="Bodies of refused requests, for TRUEUP_OUTCOME_BODY_DAYS.",
    )
    op.create_index(BODIES, "refused_body", ["kept_at"])
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(f"""
CREATE FUNCTION trim_refused_body(term interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE removed bigint;
BEGIN
    IF term IS NULL OR term < interval '1 day' THEN
        RAISE EXCEPTION 'rows of refused_body stay for a day' USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH old AS MATERIALIZED (
        SELECT account_id, request_id FROM refused_body WHERE kept_at < now() - term
         ORDER BY kept_at LIMIT rows_max FOR UPDATE SKIP LOCKED
    )
    DELETE FROM refused_body AS t USING old WHERE t.account_id = old.account_id AND t.request_id = old.request_id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$
""")
    op.execute("REVOKE EXECUTE ON FUNCTION trim_refused_body(interval, integer) FROM PUBLIC")
    for name, where in BATCHES_BY.items():
        op.create_index(f"batch_account_id_{name}_idx", "batch", ["account_id", name], **_where(where))
    op.create_index(SUBJECT_IS, "audit", ["account_id", "subject", "seq"])
    op.drop_index(CHANGED_WAS, table_name="audit")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(CHANGED_WAS, "audit", ["account_id", "subject"], postgresql_where=BY_HAND)
    op.drop_index(SUBJECT_IS, table_name="audit")
    for name in BATCHES_BY:
        op.drop_index(f"batch_account_id_{name}_idx", table_name="batch")
    op.execute("DROP FUNCTION trim_refused_body(interval, integer)")
    op.drop_table("refused_body")
    for name in FOUND_BY:
        op.drop_index(f"outcome_account_id_{name}_decided_at_request_id_idx", table_name="outcome")
    for name in FACTS:
        op.drop_column("outcome", name)


def _where(condition: Any) -> dict[str, Any]:
    return {} if condition is None else {"postgresql_where": condition}
