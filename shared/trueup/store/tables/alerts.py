"""Alerts: when they are given, how far time has been judged, and what usage has changed since balances were judged."""

from sqlalchemy import BigInteger, Identity, Index, Integer, Numeric, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from trueup.store.tables.columns import (
    ID,
    NOW,
    TIME,
    account_column,
    metadata,
    one_of,
    optional,
    references_account,
    required,
)

alert_setting = Table(
    "alert_setting",
    metadata,
    account_column(),
    required("kind", Text, "what the thresholds measure"),
    optional("commit_id", ID, "the commit or credit that it is for; null: all of the account"),
    required("thresholds", ARRAY(Numeric), "at which an alert is given; none: never"),
    required("set_at", TIME, "real time", server_default=NOW),
    Index("alert_setting_key", "account_id", "kind", "commit_id", unique=True, postgresql_nulls_not_distinct=True),
    one_of("kind", "expiring_days", "upcoming_days", "used_percent", "left_amount"),
    references_account(),
    comment="When alerts are given, where it is not the default.",
)

alert_clock = Table(
    "alert_clock",
    metadata,
    account_column(),
    required("settled_to", TIME, "what fell due by then, on the account's clock, is told or never will be"),
    required("judged_to", TIME, "what was visible and fell due by then is told"),
    required("judged_at", TIME, "real time"),
    optional(
        "seen",
        BigInteger,
        "transactions from this id on cannot bring anything that is judged here; null: it is not known yet",
    ),
    optional(
        "told_to", TIME, "what was visible at the last judgement and fell due by then is told; null: as judged_to"
    ),
    optional("told_at", TIME, "real time of the last judgement; null: as judged_at"),
    PrimaryKeyConstraint("account_id"),
    references_account(),
    comment="How far alerts by time have come.",
)

alert_told = Table(
    "alert_told",
    metadata,
    account_column(),
    required("kind", Text, "start, end, expiring or upcoming"),
    required("subject_id", ID, "a segment, or an obligation"),
    required("fell_at", TIME, "when it was to be told, on the account's clock"),
    PrimaryKeyConstraint("account_id", "kind", "subject_id", "fell_at"),
    Index(None, "account_id", "fell_at"),
    comment="Alerts by time that were given after the instant up to which all is settled.",
)

usage_arrival = Table(
    "usage_arrival",
    metadata,
    account_column(),
    required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    required("customer_ids", ARRAY(ID), "who used something, each once"),
    required("amounts", ARRAY(Numeric), "what it costs at most, in the order of the customers"),
    required("booked_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "seq"),
    comment="Usage that is still to be held against balances: a row of each transaction that brought some.",
)

balance_watch = Table(
    "balance_watch",
    metadata,
    account_column(),
    required("customer_id", ID, "whose balances"),
    required("used", Numeric, "what usage since the last judgement costs at most", server_default=text("0")),
    optional("headroom", Numeric, "usage that crosses no threshold costs less; null: unknown, all has to be judged"),
    optional("commits", Integer, "commits and credits of the customer at the last judgement; null: too many to count"),
    optional("valid_until", TIME, "the account's clock; then other segments can be used; null: for ever"),
    optional("not_before", TIME, "real time, of the next judgement; null: there was none"),
    optional("due_at", TIME, "real time, when the balances are to be judged; null: nothing came that could matter"),
    PrimaryKeyConstraint("account_id", "customer_id"),
    Index(None, "account_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    comment="Customers with usage: whether it may have brought a balance to one of its thresholds.",
)

balance_told = Table(
    "balance_told",
    metadata,
    account_column(),
    required("commit_id", ID, "whose balance"),
    required("segment_ids", ARRAY(ID), "that could be used then"),
    required("told", ARRAY(Text), "thresholds that were told, and are told again once the balance has risen above"),
    PrimaryKeyConstraint("account_id", "commit_id"),
    comment="Thresholds at which balances stand.",
)
