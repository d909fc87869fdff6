"""API tokens of an account."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Connection

from trueup.clock import utc_now
from trueup.store.accounts.tokens import SCOPES, Caller, Scope, create_token, list_tokens, revoke_token
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import as_text, emit, emit_json, emit_json_list, emit_table, say

app = typer.Typer(no_args_is_help=True, help="API tokens: create, list, revoke (scope admin), show the kept one.")


@app.command()
def create(
    ctx: typer.Context,
    *,
    scope: Annotated[list[str], typer.Option(help=f"What it may do, once for each: {', '.join(SCOPES)}.")],
    name: Annotated[str | None, typer.Option(help="What you call it.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="WHEN", help=f"Refused from then on: {INSTANT_HELP}.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a token and print it, once: it is stored nowhere.

    Needs the scope admin of the account, or installation, which alone gives the scope installation.
    """
    scopes = tuple(map(_known_scope, scope))
    now = utc_now()
    expires_at = read_instant(expires, now=now) if expires else None
    if expires_at and expires_at <= now:
        raise CommandError(f"--expires {expires} has passed already")
    here = session(ctx)
    with here.transaction("admin") as (connection, caller):
        if "installation" in scopes:
            caller.require("installation")
        token = create_token(
            connection,
            account_id=caller.account_id,
            scopes=scopes,
            secret_key=here.secret_key,
            name=name,
            expires_at=expires_at,
        )
    say(f"a token of account {caller.account}; it is shown only now")
    emit_json({"token": token}) if as_json else emit(f"{token}\n".encode())


@app.command()
def show(
    ctx: typer.Context,
    *,
    installation: Annotated[
        bool, typer.Option("--installation", help="The installation's, not the account's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the token that the data folder keeps for the account."""
    here = session(ctx)
    token = here.folder.admin_token() if installation else here.folder.token(here.account)
    if token is None:
        raise CommandError(f"no such token is kept in {here.folder.path}: see `trueup tokens create`")
    emit_json({"token": token}) if as_json else emit(f"{token}\n".encode())


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the account's tokens, oldest first, without their secrets."""
    with session(ctx).transaction("admin") as (connection, caller):
        tokens = list_tokens(connection, caller.account_id)
    if as_json:
        emit_json_list(tokens)
    else:
        emit_table(
            ("key_id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"), map(asdict, tokens)
        )


@app.command()
def revoke(
    ctx: typer.Context,
    named: Annotated[
        str, typer.Argument(metavar="KEY_ID|NAME", help="The token's middle part (tu_<key id>_<secret>), or its name.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Refuse a token from now on. What it had enqueued, and was accepted, goes on."""
    now = utc_now()
    with session(ctx).transaction("admin") as (connection, caller):
        key_id = _key_id_of(connection, caller, named)
        revoke_token(connection, account_id=caller.account_id, key_id=key_id, now=now)
    say(f"token {key_id} is revoked")
    if as_json:
        emit_json({"key_id": key_id, "revoked_at": now})


def _key_id_of(connection: Connection, caller: Caller, named: str) -> str:
    """Key id of the one token that is called this; of names, those count that are not revoked.

    Raises:
        CommandError: there is none, or there are several: they are named.
    """
    tokens = list_tokens(connection, caller.account_id)
    if any(each.key_id == named for each in tokens):
        return named
    found = [each for each in tokens if each.name == named and each.revoked_at is None]
    if not found:
        raise CommandError(
            f"account {caller.account} has no token {named!r}: tokens are named by key id or name, exactly; "
            "see `trueup tokens list`"
        )
    if len(found) > 1:
        listed = "".join(f"\n  token {each.key_id}, made {as_text(each.created_at)}" for each in found)
        raise CommandError(f"{named!r} names several: give the id of one{listed}")
    say(f"token {named} is {found[0].key_id}")
    return found[0].key_id


def _known_scope(name: str) -> Scope:
    for scope in SCOPES:
        if scope == name:
            return scope
    raise typer.BadParameter(f"there is no scope {name!r}, but {', '.join(SCOPES)}")
