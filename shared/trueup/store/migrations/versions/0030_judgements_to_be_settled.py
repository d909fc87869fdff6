"""alerts: what was judged last stands beside the judgement that is to be settled"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
LATEST = {
    "told_to": "what was visible at the last judgement and fell due by then is told; null: as judged_to",
    "told_at": "real time of the last judgement; null: as judged_at",
}
SEEN = "transactions from this id on came after the last judgement"
SEEN_LATER = "transactions from this id on cannot bring anything that is judged here; null: it is not known yet"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name, comment in LATEST.items():
        op.add_column("alert_clock", sa.Column(name, AT, nullable=True, comment=comment))
    op.alter_column(
        "alert_clock", "seen", existing_type=sa.BigInteger(), nullable=True, comment=SEEN_LATER, existing_comment=SEEN
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("UPDATE alert_clock SET seen = CAST(CAST(pg_current_xact_id() AS text) AS bigint) WHERE seen IS NULL")
    op.alter_column(
        "alert_clock", "seen", existing_type=sa.BigInteger(), nullable=False, comment=SEEN, existing_comment=SEEN_LATER
    )
    for name in reversed(LATEST):
        op.drop_column("alert_clock", name)
