"""when accounts are looked at next: no look costs more for the accounts in which nothing is due"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0037"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
AT_ONCE = sa.text("'epoch'")

# Of each table, what may bring something due nearer. `account` names itself by another column.
CHANGES = {
    "outbox_brings_work": (
        "outbox",
        "INSERT",
        "NEW.event = ANY ('{commit.created,credit.created,commit.edited,credit.edited,invoice.voided}')",
    ),
    "obligation_is_made_again": ("obligation", "INSERT", "NEW.regenerated_from_id IS NOT NULL"),
    "obligation_is_pending_again": (
        "obligation",
        "UPDATE",
        "NEW.state = 'pending' AND (OLD.state <> 'pending' OR NEW.due_at < OLD.due_at)",
    ),
    "segment_changes": (
        "segment",
        "UPDATE",
        "NEW.expires AND NOT OLD.expires OR (NEW.starting_at, NEW.ending_before) <> (OLD.starting_at, OLD.ending_before)",
    ),
    "usage_month_opens": ("usage_month", "INSERT", "true"),
    "usage_month_is_open_again": ("usage_month", "UPDATE", "NEW.state = 'open' AND OLD.state <> 'open'"),
    "usage_month_closes": ("usage_month", "DELETE", "true"),
    "account_is_new": ("account", "INSERT", "true"),
    "account_clock_moves": ("account", "UPDATE", "NEW.clock_at IS DISTINCT FROM OLD.clock_at"),
    "alert_setting_changes": ("alert_setting", "INSERT OR UPDATE", "true"),
    "alert_setting_goes": ("alert_setting", "DELETE", "true"),
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "changed_account",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of writing"),
        _account_id(),
        sa.PrimaryKeyConstraint("seq", name=op.f("changed_account_pkey")),
        comment="Accounts in which something came that may be due: each until the next look.",
    )
    op.create_table(
        "next_look",
        _account_id(),
        _at("work_at", "real time, of the next look for what is to be closed, expired or issued"),
        _at("alerts_at", "real time, of the next look for alerts by time"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("next_look_pkey")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("next_look_account_id_fkey")),
        comment="When an account is looked at next, unless something comes before. 1970: at once.",
    )
    op.execute("INSERT INTO next_look (account_id) SELECT id FROM account")
    for table in ("changed_account", "next_look"):
        op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.01)")
    for column in ("work_at", "alerts_at"):
        op.create_index(op.f(f"next_look_{column}_account_id_idx"), "next_look", [column, "account_id"])
    op.create_index(op.f("intake_due_at_idx"), "intake", ["due_at"])
    _note_changes()


def _note_changes() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    for name, row in (("note_change_of_account", "NEW.account_id"), ("note_change_of_its_account", "OLD.account_id")):
        _function(schema, name, row)
    _function(schema, "note_account", "NEW.id")
    for trigger, (table, event, condition) in CHANGES.items():
        function = {"account": "note_account"}.get(
            table, "note_change_of_its_account" if event == "DELETE" else "note_change_of_account"
        )
        op.execute(
            f"CREATE TRIGGER {trigger} AFTER {event} ON {table} FOR EACH ROW WHEN ({condition}) "
            f"EXECUTE FUNCTION {function}()"
        )


def _function(schema: str, name: str, account_id: str) -> None:
    """Make a trigger's function: the owner's, as an application of before has no grant, and one note a transaction."""
    op.execute(f"""
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    IF current_setting('trueup.changed_account', true) IS DISTINCT FROM {account_id}::text THEN
        INSERT INTO changed_account (account_id) VALUES ({account_id});
        PERFORM set_config('trueup.changed_account', {account_id}::text, true);
    END IF;
    RETURN NULL;
END $$
""")
    op.execute(f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC")


def _account_id() -> sa.Column[int]:
    return sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is")


def _at(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, AT, server_default=AT_ONCE, nullable=False, comment=comment)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for trigger, (table, *_) in CHANGES.items():
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in ("note_change_of_account", "note_change_of_its_account", "note_account"):
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_index(op.f("intake_due_at_idx"), table_name="intake")
    op.drop_table("next_look")
    op.drop_table("changed_account")
