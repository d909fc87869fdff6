"""Accounts: made and listed by whoever administers the installation."""

import json
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from trueup.clock import utc_now
from trueup.domain.money_text import Money
from trueup.domain.unit import USD_IN_CENTS
from trueup.store.accounts.accounts import create_account, list_accounts, set_locale
from trueup.store.accounts.audit import note
from trueup.store.accounts.tokens import WORKING_SCOPES, Scope, create_token, has_administrator
from trueup.store.postgres.engine import transaction
from trueup_worker.cli.administration.parties import seller
from trueup_worker.cli.terminal.account_format import account_format
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import as_text, emit_json, emit_json_list, emit_record, emit_table, say
from trueup_worker.local.files.private import write_private
from trueup_worker.local.folder import DataFolder
from trueup_worker.reporting.money_format import locale_of

app = typer.Typer(no_args_is_help=True, help="Accounts: create, list, locale, seller.")
app.command()(seller)

_NAME_CHARS_MAX = 255
_EXAMPLE = Decimal(123456)
_STDOUT = Path("-")


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What people and messages call it.")],
    *,
    sandbox: Annotated[bool, typer.Option(help="Its time stands still and is moved by hand, for good.")] = False,
    tokens: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write the tokens there as JSON, not into the data folder. -: stdout."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an account, and keep a token for it in the data folder: commits:write, usage:write, read, operate.

    Needs the scope installation. As long as no token has it, whoever reaches the database gets one, kept there too.
    --tokens hands them over: {"account", "token", "installation"}, the last of them null but for the first account.
    """
    if not name.strip() or len(name) > _NAME_CHARS_MAX or not name.isprintable():
        raise CommandError(f"an account's name is a text of 1 to {_NAME_CHARS_MAX} printable characters")
    here = session(ctx)
    with transaction(here.engine) as connection:
        is_first = not has_administrator(connection, now=utc_now())
    if not is_first:
        here.caller("installation")
    if tokens is None:
        here.folder.create()
    with transaction(here.engine) as connection:
        made = create_account(connection, name, sandbox=sandbox, now=utc_now())
        token = make_token(connection, made.id, WORKING_SCOPES, here.secret_key)
        administrator = make_token(connection, made.id, ("installation",), here.secret_key) if is_first else None
        if tokens is not None:  # before the commit: an account whose tokens nobody has got is of no use
            _hand_over({"account": made.name, "token": token, "installation": administrator}, tokens)
    if tokens is None:
        _keep(here.folder, made.name, token, administrator)
    if tokens != _STDOUT:
        emit_json(made) if as_json else emit_record(asdict(made))


def _hand_over(told: dict[str, str | None], to: Path) -> None:
    if to == _STDOUT:
        emit_json(told)
        return
    write_private(to, f"{json.dumps(told)}\n")
    say(f"the account's tokens are in {to}")


def _keep(folder: DataFolder, account: str, token: str, administrator: str | None) -> None:
    folder.keep_token(account, token)
    say(f"its token is kept in {folder.tokens}: use it with --account {account}")
    if administrator:
        folder.keep_admin_token(administrator)
        say(f"the installation's first token is kept in {folder.admin_token_file}: it makes accounts and tokens")


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List all accounts, oldest first. Needs the scope installation."""
    here = session(ctx)
    with here.transaction("installation") as (connection, _):
        accounts = list_accounts(connection)
    if as_json:
        emit_json_list(accounts)
    else:
        emit_table(("name", "sandbox", "clock_at", "locale", "created_at"), map(asdict, accounts))


@app.command()
def locale(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="LOCALE", help="A language, as en, or with its country, as de-CH.")],
) -> None:
    """Choose how tables and documents write amounts, numbers and dates. Needs the scope operate; JSON stays exact."""
    known = str(locale_of(name)).replace("_", "-")
    with session(ctx).transaction("operate") as (connection, caller):
        set_locale(connection, caller.account_id, known)
        note(
            connection,
            caller.account_id,
            actor=caller.key_id,
            action="set_locale",
            subject="account",
            before={"locale": caller.locale},
            after={"locale": known},
        )
    account_format.locale = known
    say(f"amounts are written as {as_text(Money(_EXAMPLE, USD_IN_CENTS))}")


def make_token(connection: Connection, account_id: int, scopes: tuple[Scope, ...], secret_key: str) -> str:
    """Make a token that the data folder is to keep.

    Raises:
        WrongSecretKey: the key is not this database's.
    """
    return create_token(
        connection, account_id=account_id, scopes=scopes, secret_key=secret_key, name="kept in the data folder"
    )
