"""batches undone: a batch is closed, and how far taking it back has come; commits that were changed by hand are found"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

CLOSED = "real time; from then on nothing of it becomes a commit, as it is taken back; null: it is open"
UNDO = "how far taking it back has come; null: none is under way"
CHANGED = "audit_changed_commit_idx"
BY_HAND = sa.text("action IN ('adjust_commit', 'disable_true_up', 'edit_commit', 'end_commit')")
# One round trip; in plpgsql the look has a snapshot of its own, taken once the lock is held.
LOOK = """
CREATE FUNCTION batch_closed_since(account integer, batch uuid, lock bigint) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(lock);
    RETURN (SELECT b.closed_at FROM batch AS b WHERE b.account_id = account AND b.id = batch);
END
$$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("batch", sa.Column("closed_at", sa.TIMESTAMP(timezone=True), comment=CLOSED))
    op.add_column("batch", sa.Column("undo", JSONB, comment=UNDO))
    op.create_index(CHANGED, "audit", ["account_id", "subject"], postgresql_where=BY_HAND)
    op.execute(LOOK)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP FUNCTION batch_closed_since(integer, uuid, bigint)")
    op.drop_index(CHANGED, table_name="audit")
    op.drop_column("batch", "undo")
    op.drop_column("batch", "closed_at")
