"""which secret key"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCOPES_WERE = "commits:write, usage:write, read, operate, admin"
SCOPES_ARE = "commits:write, usage:write, read, operate, admin, installation"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "installation",
        sa.Column(
            "is_one", sa.Boolean(), server_default=sa.text("true"), nullable=False, comment="true: there is one row"
        ),
        sa.Column(
            "secret_key_check",
            sa.LargeBinary(),
            nullable=False,
            comment="HMAC-SHA-256(TRUEUP_SECRET_KEY, 'trueup-key-check-v1'): tells another key, and no key can be had from it",
        ),
        sa.Column(
            "noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="real time"
        ),
        sa.CheckConstraint("is_one", name=op.f("installation_one_row_check")),
        sa.PrimaryKeyConstraint("is_one", name=op.f("installation_pkey")),
        comment="What all accounts share.",
    )
    _scopes(SCOPES_ARE, was=SCOPES_WERE)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _scopes(SCOPES_WERE, was=SCOPES_ARE)
    op.drop_table("installation")


def _scopes(comment: str, *, was: str) -> None:
    op.alter_column(
        "token",
        "scopes",
        existing_type=sa.ARRAY(sa.Text()),
        comment=comment,
        existing_comment=was,
        existing_nullable=False,
    )
