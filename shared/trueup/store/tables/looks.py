"""Times at which the scheduler looks at accounts: what may bring something due nearer notes its account, by trigger."""

from sqlalchemy import BigInteger, Identity, Index, PrimaryKeyConstraint, Table, text

from trueup.store.tables.columns import TIME, account_column, metadata, references_account, required

_AT_ONCE = text("'epoch'")

changed_account = Table(
    "changed_account",
    metadata,
    required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    account_column(),
    PrimaryKeyConstraint("seq"),
    comment="Accounts in which something came that may be due: each until the next look.",
)

next_look = Table(
    "next_look",
    metadata,
    account_column(),
    required(
        "work_at",
        TIME,
        "real time, of the next look for what is to be closed, expired or issued",
        server_default=_AT_ONCE,
    ),
    required("alerts_at", TIME, "real time, of the next look for alerts by time", server_default=_AT_ONCE),
    PrimaryKeyConstraint("account_id"),
    Index(None, "work_at", "account_id"),
    Index(None, "alerts_at", "account_id"),
    references_account(),
    comment="When an account is looked at next, unless something comes before. 1970: at once.",
)
