"""Books: the journal of closed months, and what it takes to value commits."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from trueup.store.tables.columns import (
    ID,
    NOW,
    TIME,
    account_column,
    metadata,
    optional,
    references_account,
    required,
)

account_codes = Table(
    "account_codes",
    metadata,
    account_column(),
    required("version", Integer, "from 1; 0 are the defaults, which have no row"),
    required("codes", JSONB, "code by account"),
    required("made_at", TIME, "real time", server_default=NOW),
    required("made_by", Text, "key id of the token"),
    PrimaryKeyConstraint("account_id", "version"),
    references_account(),
    comment="Codes that the accounts of the journal have in the books of the house, version by version.",
)

closed_month = Table(
    "closed_month",
    metadata,
    account_column(),
    required("starting_at", TIME, "of the calendar month, in UTC"),
    required("closed_at", TIME, "real time", server_default=NOW),
    required("closed_by", Text, "key id of the token"),
    required("codes_version", Integer, "of the account codes that it was closed with"),
    required("entries", BigInteger, "entries of its journal"),
    required("totals", JSONB, "sum of the debits, which is that of the credits, by currency, as decimal text"),
    required("left_out", JSONB, "names of units that are no money, in which something was invoiced"),
    PrimaryKeyConstraint("account_id", "starting_at"),
    references_account(),
    comment="Months of the books that are closed: their journal does not change any more.",
)

journal_line = Table(
    "journal_line",
    metadata,
    account_column(),
    required("month", TIME, "the closed month that it is in"),
    required("entry", BigInteger, "number in the month, from 1"),
    required("line", SmallInteger, "of the entry, from 0"),
    required("source", Text, "what is booked: issued, voided, recorded, ledger or revalued"),
    required("source_id", ID, "of the invoice, obligation, ledger entry or revaluation"),
    required("event", Text, "in words"),
    required("dated", TIME, "accounting date"),
    required("booked_at", TIME, "the account's clock"),
    required("account", Text, "receivable, revenue, …"),
    required("code", Text, "of the account, as it was when the month was closed"),
    required("debit", Numeric, "in the currency, 0 where it is a credit"),
    required("credit", Numeric, "in the currency, 0 where it is a debit"),
    required("currency", Text, "ISO 4217"),
    required("customer_id", ID, "who pays"),
    optional("contract_id", ID, "under which contract"),
    optional("commit_id", ID, "the commit that it is about"),
    optional("invoice_id", ID, "the invoice that it is about"),
    optional("invoice_number", BigInteger, "its number"),
    PrimaryKeyConstraint("account_id", "month", "entry", "line"),
    Index("journal_line_source_key", "account_id", "source_id", "source", "line", unique=True),
    CheckConstraint("debit >= 0 AND credit >= 0 AND (debit > 0) <> (credit > 0)", name="one_side"),
    comment="Journal of closed months, as it was exported. Neither changed nor removed.",
)

revaluation = Table(
    "revaluation",
    metadata,
    account_column(),
    required("commit_id", ID, "a PREPAID commit whose schedules were changed"),
    required("position", Integer, "from 0: what it was worth at its creation"),
    required("id", ID, "of its own", server_default=text("gen_random_uuid()")),
    required("after_seq", BigInteger, "the last ledger entry of the commit that was booked before"),
    required("instalments", Numeric, "what is invoiced for it, in the unit of its invoices"),
    required("access", Numeric, "what may be drawn for that, in the unit of its access"),
    required("booked_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "commit_id", "position"),
    comment="What commits were worth before and after their schedules were changed; of others there is no row.",
)
