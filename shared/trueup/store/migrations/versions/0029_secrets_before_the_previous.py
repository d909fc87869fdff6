"""webhooks: secrets before the previous one sign until their own overlaps end"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

NONE = sa.text("'{}'")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _add("older_secrets", sa.LargeBinary(), "those before the previous one, sealed, which sign until older_until")
    _add("older_until", sa.DateTime(timezone=True), "until when each of them signs as well")


def _add(name: str, of: sa.types.TypeEngine[Any], comment: str) -> None:
    column: sa.Column[Any] = sa.Column(name, ARRAY(of), nullable=False, server_default=NONE, comment=comment)
    op.add_column("webhook_endpoint", column)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("webhook_endpoint", "older_until")
    op.drop_column("webhook_endpoint", "older_secrets")
