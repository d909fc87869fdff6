"""access that ended before it began"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WAS = "exclusive, on a whole hour; the start itself: access was ended before it began"
IS = "exclusive, on a whole hour; not after the start: access was ended before it began"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint(op.f("segment_window_check"), "segment", type_="check")
    _comment(IS, was=WAS)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _comment(WAS, was=IS)
    op.execute("UPDATE segment SET ending_before = starting_at WHERE ending_before < starting_at")
    op.create_check_constraint(op.f("segment_window_check"), "segment", "starting_at <= ending_before")


def _comment(text: str, *, was: str) -> None:
    op.alter_column(
        "segment",
        "ending_before",
        existing_type=sa.DateTime(timezone=True),
        comment=text,
        existing_comment=was,
        existing_nullable=False,
    )
