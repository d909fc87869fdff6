"""Accounts: who the rows belong to."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from trueup.domain.unit import USD_IN_CENTS
from trueup.errors import TrueupError
from trueup.store.tables import account, unit
from trueup.wire.request.body import USD_CENTS


class AccountExists(TrueupError):
    """An account of this name exists already."""

    code = "duplicate"


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant; `clock_at` is set for sandbox accounts only, `locale` is that of its numbers and dates for people."""

    id: int
    name: str
    sandbox: bool
    clock_at: datetime | None
    created_at: datetime
    locale: str


def create_account(connection: Connection, name: str, *, sandbox: bool = False, now: datetime) -> Account:
    """Create an account with its built-in unit; a sandbox's clock starts at `now` and stands still.

    Raises:
        AccountExists: the name is taken.
    """
    made = connection.execute(
        upsert(account)
        .values(name=name, sandbox=sandbox, clock_at=now if sandbox else None)
        .on_conflict_do_nothing()
        .returning(*account.c)
    ).one_or_none()
    if made is None:
        raise AccountExists(f"account {name!r} exists already: choose another name")
    connection.execute(insert(unit).values(account_id=made.id, id=USD_CENTS, **asdict(USD_IN_CENTS)))
    return _account(made)


def account_named(connection: Connection, name: str) -> Account | None:
    """The account of this name, if there is one."""
    row = connection.execute(select(account).where(account.c.name == name)).one_or_none()
    return _account(row) if row else None


def account_clock(connection: Connection, account_id: int) -> datetime | None:
    """Clock of a sandbox; None: the account lives in real time."""
    found: datetime | None = connection.scalar(select(account.c.clock_at).where(account.c.id == account_id))
    return found


def list_accounts(connection: Connection) -> list[Account]:
    """All accounts, oldest first."""
    return [_account(row) for row in connection.execute(select(account).order_by(account.c.id))]


def set_locale(connection: Connection, account_id: int, locale: str) -> None:
    """Write numbers and dates for people in this locale from now on."""
    connection.execute(update(account).where(account.c.id == account_id).values(locale=locale))


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(row.id, row.name, row.sandbox, row.clock_at, row.created_at, row.locale)
