"""The words that every table is written in."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

TIME = DateTime(timezone=True)
NOW = text("now()")
ID = UUID(as_uuid=True)


def required(name: str, kind: Any, comment: str, **more: Any) -> Column[Any]:
    """A column that is never null."""
    return Column(name, kind, nullable=False, comment=comment, **more)


def optional(name: str, kind: Any, comment: str, **more: Any) -> Column[Any]:
    """A column that may be null: the comment says what that means."""
    return Column(name, kind, nullable=True, comment=comment, **more)


def account_column() -> Column[Any]:
    """Column of the account that a row belongs to."""
    return required("account_id", Integer, "whose row this is")


def references_account() -> ForeignKeyConstraint:
    """The row goes with its account."""
    return ForeignKeyConstraint(["account_id"], ["account.id"])


def once_in_account(table: str, column: str) -> Index:
    """The column's value stands once in an account; null does not count."""
    key = f"{table}_{column}_key"
    return Index(key, "account_id", column, unique=True, postgresql_where=text(f"{column} IS NOT NULL"))


def one_of(column: str, *values: str) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def positive(column: str) -> CheckConstraint:
    """More than 0, and no NaN."""
    return CheckConstraint(f"{column} > 0 AND {column} < 1e18", name=f"{column}_positive")


def not_negative(column: str) -> CheckConstraint:
    """0 or more, and no NaN."""
    return CheckConstraint(f"{column} >= 0 AND {column} < 1e18", name=f"{column}_not_negative")


def finite(column: str) -> CheckConstraint:
    """No NaN and no infinity: to Postgres NaN is greater than every number."""
    return CheckConstraint(f"{column} > -1e30 AND {column} < 1e30", name=f"{column}_finite")
