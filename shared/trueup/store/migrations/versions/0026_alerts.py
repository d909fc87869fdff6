"""alerts: settings, how far time is judged, balances that usage changed; segments are found by their starts and ends"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0026"
down_revision = "0023"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
NOW = sa.text("now()")
BOUNDS = {"starting_at": "segment_starting_idx", "ending_before": "segment_ending_idx"}
TABLES = ("alert_setting", "alert_clock", "alert_told", "usage_arrival", "balance_watch", "balance_told")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column, index in BOUNDS.items():
        op.create_index(index, "segment", ["account_id", column], postgresql_where=sa.text(f"{column} > granted_at"))
    _settings()
    _time()
    _balances()


def _settings() -> None:
    op.create_table(
        "alert_setting",
        _required("account_id", sa.Integer(), "whose row this is"),
        _required("kind", sa.Text(), "what the thresholds measure"),
        _optional("commit_id", sa.UUID(), "the commit or credit that it is for; null: all of the account"),
        _required("thresholds", ARRAY(sa.Numeric()), "at which an alert is given; none: never"),
        _required("set_at", AT, "real time", server_default=NOW),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("alert_setting_account_id_fkey")),
        sa.CheckConstraint(
            "kind IN ('expiring_days', 'upcoming_days', 'used_percent', 'left_amount')",
            name=op.f("alert_setting_kind_check"),
        ),
        comment="When alerts are given, where it is not the default.",
    )
    op.create_index(
        "alert_setting_key",
        "alert_setting",
        ["account_id", "kind", "commit_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def _time() -> None:
    op.create_table(
        "alert_clock",
        _required("account_id", sa.Integer(), "whose row this is"),
        _required("settled_to", AT, "what fell due by then, on the account's clock, is told or never will be"),
        _required("judged_to", AT, "what was visible and fell due by then is told"),
        _required("judged_at", AT, "real time"),
        _required("seen", sa.BigInteger(), "transactions from this id on came after the last judgement"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("alert_clock_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("alert_clock_pkey")),
        comment="How far alerts by time have come.",
    )
    # Nobody is told what lies in the past: alerts begin here.
    op.execute("""
        INSERT INTO alert_clock (account_id, settled_to, judged_to, judged_at, seen)
        SELECT id, coalesce(clock_at, now()), coalesce(clock_at, now()), now(), 0 FROM account
    """)
    op.create_table(
        "alert_told",
        _required("account_id", sa.Integer(), "whose row this is"),
        _required("kind", sa.Text(), "start, end, expiring or upcoming"),
        _required("subject_id", sa.UUID(), "a segment, or an obligation"),
        _required("fell_at", AT, "when it was to be told, on the account's clock"),
        sa.PrimaryKeyConstraint("account_id", "kind", "subject_id", "fell_at", name=op.f("alert_told_pkey")),
        comment="Alerts by time that were given after the instant up to which all is settled.",
    )
    op.create_index(op.f("alert_told_account_id_fell_at_idx"), "alert_told", ["account_id", "fell_at"])


def _balances() -> None:
    op.create_table(
        "usage_arrival",
        _required("account_id", sa.Integer(), "whose row this is"),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of writing"),
        _required("customer_ids", ARRAY(sa.UUID()), "who used something, each once"),
        _required("amounts", ARRAY(sa.Numeric()), "what it costs at most, in the order of the customers"),
        _required("booked_at", AT, "real time", server_default=NOW),
        sa.PrimaryKeyConstraint("account_id", "seq", name=op.f("usage_arrival_pkey")),
        comment="Usage that is still to be held against balances: a row of each transaction that brought some.",
    )
    op.create_table(
        "balance_watch",
        _required("account_id", sa.Integer(), "whose row this is"),
        _required("customer_id", sa.UUID(), "whose balances"),
        _required(
            "used",
            sa.Numeric(),
            "what usage since the last judgement costs at most",
            server_default=sa.text("0"),
        ),
        _optional(
            "headroom", sa.Numeric(), "usage that crosses no threshold costs less; null: unknown, all has to be judged"
        ),
        _optional(
            "commits",
            sa.Integer(),
            "commits and credits of the customer at the last judgement; null: too many to count",
        ),
        _optional("valid_until", AT, "the account's clock; then other segments can be used; null: for ever"),
        _optional("not_before", AT, "real time, of the next judgement; null: there was none"),
        _optional("due_at", AT, "real time, when the balances are to be judged; null: nothing came that could matter"),
        sa.PrimaryKeyConstraint("account_id", "customer_id", name=op.f("balance_watch_pkey")),
        comment="Customers with usage: whether it may have brought a balance to one of its thresholds.",
    )
    op.create_index(
        op.f("balance_watch_account_id_due_at_idx"),
        "balance_watch",
        ["account_id", "due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "balance_told",
        _required("account_id", sa.Integer(), "whose row this is"),
        _required("commit_id", sa.UUID(), "whose balance"),
        _required("segment_ids", ARRAY(sa.UUID()), "that could be used then"),
        _required(
            "told",
            ARRAY(sa.Text()),
            "thresholds that were told, and are told again once the balance has risen above",
        ),
        sa.PrimaryKeyConstraint("account_id", "commit_id", name=op.f("balance_told_pkey")),
        comment="Thresholds at which balances stand.",
    )


def _required(name: str, kind: Any, comment: str, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment, **more)


def _optional(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in reversed(TABLES):
        op.drop_table(table)
    for index in BOUNDS.values():
        op.drop_index(index, table_name="segment")
