"""The naive team's ORM models: the same tables, mapped one by one."""

from sqlalchemy.orm import DeclarativeBase

from trueup.store import tables


class Base(DeclarativeBase):
    """All of them."""

    metadata = tables.metadata


class Account(Base):
    """Holds the invoice counter."""

    __table__ = tables.account


class Commit(Base):
    """One request."""

    __table__ = tables.commit


class Segment(Base):
    """One access item."""

    __table__ = tables.segment


class Obligation(Base):
    """One invoice to be."""

    __table__ = tables.obligation


class LedgerEntry(Base):
    """One booking."""

    __table__ = tables.ledger_entry


class Invoice(Base):
    """One invoice."""

    __table__ = tables.invoice


class InvoiceLine(Base):
    """Its line."""

    __table__ = tables.invoice_line
