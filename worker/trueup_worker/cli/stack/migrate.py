"""Bring the database up to date, and grant its roles what they may do: for own servers, what `up` does for its own."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from trueup.errors import ExitCode
from trueup.store.accounts.reseal import reseal
from trueup.store.accounts.secret_key import accept_secret_key as accept_key
from trueup.store.postgres.connecting import Pooler
from trueup.store.postgres.engine import make_engine, transaction
from trueup.store.postgres.migrate import pending_revisions, upgrade
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.options import AcceptSecretKey
from trueup_worker.cli.terminal.output import say
from trueup_worker.local.external import DATABASE_SETTING, DIRECT_SETTING, POOLER_SETTING

app = typer.Typer()


@app.command()
def migrate(
    ctx: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if a migration is missing.")
    ] = False,
    accept_secret_key: AcceptSecretKey = False,
    reseal_from: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A file with the previous secret key: this one takes its place."),
    ] = None,
) -> None:
    """Run the migrations that the database lacks, and grant the roles trueup_app and trueup_read what they may do.

    As the role of TRUEUP_DATABASE_DIRECT_URL, who must own the tables; else of TRUEUP_DATABASE_URL. A role that does
    not exist is granted nothing. Each migration is a transaction; of two runs at once the second waits for the first.
    """
    here = session(ctx)
    engine = make_engine(_database_url(here), pooler=_pooler(here) if check else None)
    with transaction(engine) as connection:
        pending = pending_revisions(connection)
    if not check:
        pending = upgrade(engine, tell=say)
    if accept_secret_key:
        with transaction(engine) as connection:
            accept_key(connection, here.secret_key)
    if reseal_from is not None and not check:
        _reseal(engine, reseal_from, here.secret_key)
    told = ", ".join(pending) or "none"
    say(f"migrations that are missing: {told}" if check else f"migrations that ran: {told}")
    if check and pending:
        raise typer.Exit(ExitCode.DIFFERENCES)


def _reseal(engine: Engine, previous: Path, secret_key: str) -> None:
    with transaction(engine) as connection:
        done = reseal(connection, previous=previous.read_text(encoding="utf-8").strip(), secret_key=secret_key)
    say(f"sealed under the new secret key: {done.tokens} tokens, {done.webhooks} webhooks")
    if done.left:
        say(f"{done.left} are sealed under neither key, lost with an earlier one: make them anew")


def _pooler(here: Session) -> Pooler | None:
    """The application's, where it is its URL that is looked at: who only reads needs no session of its own."""
    return "transaction" if here.environ.get(POOLER_SETTING) and not here.environ.get(DIRECT_SETTING) else None


def _database_url(here: Session) -> str:
    """The owner's, the application's, or that of what runs in the data folder."""
    if url := here.environ.get(DIRECT_SETTING) or here.environ.get(DATABASE_SETTING):
        return url
    if here.state:
        return here.state.database
    raise CommandError(f"no database: set {DIRECT_SETTING} to the URL of the role that owns the tables")
