"""Accounts: made and listed by whoever administers the installation."""

from dataclasses import asdict
from typing import Annotated

import typer

from shared.clock import utc_now
from shared.store.accounts import create_account, list_accounts
from shared.store.engine import transaction
from shared.store.tokens import SCOPES, create_token
from worker.cli.context import Session, session
from worker.cli.exits import CommandError
from worker.cli.listing import AsJson
from worker.cli.output import emit_json, emit_json_list, emit_record, emit_table, say

app = typer.Typer(no_args_is_help=True, help="Accounts: create, list.")

_NAME_CHARS_MAX = 255


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What people and messages call it.")],
    *,
    sandbox: Annotated[bool, typer.Option(help="Its time stands still and is moved by hand, for good.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create an account, and keep a token with every scope for it in the data folder.

    Needs the scope admin, unless there is no account yet.
    """
    if not name.strip() or len(name) > _NAME_CHARS_MAX or not name.isprintable():
        raise CommandError(f"an account's name is a text of 1 to {_NAME_CHARS_MAX} printable characters")
    here = session(ctx)
    _require_admin(here)
    here.folder.create()
    with transaction(here.engine) as connection:
        made = create_account(connection, name, sandbox=sandbox, now=utc_now())
        token = create_token(
            connection,
            account_id=made.id,
            scopes=SCOPES,
            secret_key=here.settings.secret_key.get_secret_value(),
            name="kept in the data folder",
        )
    here.folder.keep_token(made.name, token)
    say(f"its token is kept in {here.folder.tokens}: use it with --account {made.name}")
    emit_json(made) if as_json else emit_record(asdict(made))


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List all accounts, oldest first. Needs the scope admin."""
    here = session(ctx)
    with here.transaction("admin") as (connection, _):
        accounts = list_accounts(connection)
    if as_json:
        emit_json_list(accounts)
    else:
        emit_table(("name", "sandbox", "clock_at", "created_at"), map(asdict, accounts))


def _require_admin(here: Session) -> None:
    with transaction(here.engine) as connection:
        is_first = not list_accounts(connection)
    if not is_first:
        here.caller("admin")
