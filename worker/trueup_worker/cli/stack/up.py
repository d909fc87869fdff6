"""Start the stack: services, migrations, the first account, the Procfile's processes."""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer
from sqlalchemy import Connection

from trueup.clock import utc_now
from trueup.settings import read_settings
from trueup.store.accounts.accounts import account_named, create_account
from trueup.store.accounts.secret_key import accept_secret_key as accept_key
from trueup.store.accounts.secret_key import require_secret_key
from trueup.store.accounts.tokens import WORKING_SCOPES, NotAuthenticated, NotAuthorised, Scope, authenticate, queue_key
from trueup.store.postgres.engine import make_engine, transaction
from trueup.store.postgres.migrate import upgrade
from trueup_worker.cli.administration.accounts import make_token
from trueup_worker.cli.stack.hints import as_typed, say_gateway, say_next_steps
from trueup_worker.cli.stack.project import project_file
from trueup_worker.cli.terminal.context import DEFAULT_ACCOUNT, Session, session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.options import AcceptSecretKey
from trueup_worker.cli.terminal.output import say
from trueup_worker.local.console import Console
from trueup_worker.local.detached import spawn_detached
from trueup_worker.local.external import DIRECT_SETTING
from trueup_worker.local.files.private import write_private
from trueup_worker.local.folder import DataFolder, State
from trueup_worker.local.stack import Stack
from trueup_worker.startup.log_output import LogOutput

app = typer.Typer()
_STDERR = 2


@app.command()
def up(
    ctx: typer.Context,
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Stay up in the background until `trueup down`.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Run the sample, if there is no commit yet.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Print the processes' logs too (kept in DIR/log).")] = False,
    accept_secret_key: AcceptSecretKey = False,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Written when everything answers (mode 0600): JSON with the URLs of what runs."
        ),
    ] = None,
) -> None:
    """Start everything in the data folder and stay up until Ctrl-C. Data stays.

    Postgres and Valkey are started from wheels unless TRUEUP_DATABASE_URL, TRUEUP_BROKER_URL and TRUEUP_REDIS_URL name
    others. The first start makes the account `default`. The data folder keeps its token, and one of the installation.
    """
    here = session(ctx)
    if ready_file:
        _withdraw(ready_file)
    tell = partial(_tell, here, ready_file=ready_file, demo=demo)
    if detach:
        command = _foreground(here.folder, accept_secret_key=accept_secret_key)
        tell(spawn_detached(here.folder, command, environ=os.environ))
        say(f"stop it with: {as_typed(here.folder, 'down')}")
    else:
        _stay_up(here, tell, logs=logs, accept_secret_key=accept_secret_key)


def _run_demo(here: Session) -> None:
    """Run the sample, if there is no commit yet; imported only here, as it is half of what `up` would import."""
    from trueup_worker.cli.stack.demo import has_commits, run_demo  # noqa: PLC0415

    if not has_commits(here):
        run_demo(here)


def _withdraw(ready_file: Path) -> None:
    """Take back what an earlier start said."""
    if not os.access(ready_file.parent, os.W_OK):
        raise CommandError(f"--ready-file {ready_file}: {ready_file.parent} is no folder that can be written")
    ready_file.unlink(missing_ok=True)


def _foreground(folder: DataFolder, *, accept_secret_key: bool) -> list[str]:
    more = ["--accept-secret-key"] if accept_secret_key else []
    return [sys.executable, "-m", "trueup_worker.cli", "up", "--data", str(folder.path), *more]


def _stay_up(here: Session, tell: Callable[[State], None], *, logs: bool, accept_secret_key: bool) -> None:
    folder = here.folder

    def on_ready(state: State) -> None:
        try:
            tell(state)
            say("Ctrl-C stops it")
        except Exception:
            if folder.read_state():  # otherwise we are being stopped: whatever failed was cut short by that
                raise

    with folder.lock():
        sys.stderr = cast("TextIO", LogOutput(_STDERR))  # whoever should read it may be gone, or not read
        stack = Stack(
            folder,
            here.environ,
            procfile=project_file("Procfile").read_text(encoding="utf-8"),
            prepare=partial(prepare, folder, accept=accept_secret_key),
            console=Console(sys.stderr, echo=logs),
        )
        say(f"starting in {folder.path}")
        stack.run(on_ready)
        say(f"stopped; data stays in {folder.path}")


def prepare(folder: DataFolder, environ: Mapping[str, str], *, accept: bool = False) -> None:
    """Check settings and secret key, bring the database up to date, make the first account and the tokens to keep.

    Args:
        folder: keeps the tokens.
        environ: the processes' settings, and the URL of the schema's owner.
        accept: lets the secret key take the place of one that is lost.

    Raises:
        SettingsError: names all that are wrong.
        WrongSecretKey: the key is not this database's.
    """
    config = read_settings(
        database_url=environ["TRUEUP_DATABASE_URL"],
        broker_url=environ["TRUEUP_BROKER_URL"],
        redis_url=environ["TRUEUP_REDIS_URL"],
        secret_key=environ["TRUEUP_SECRET_KEY"],
    )
    owner = make_engine(environ.get(DIRECT_SETTING) or str(config.database_url))
    secret_key = config.secret_key.get_secret_value()
    upgrade(owner, tell=say)
    if accept:
        with transaction(owner) as connection:
            accept_key(connection, secret_key)
    owner.dispose()
    engine = make_engine(str(config.database_url), pooler=config.database_pooler)
    with transaction(engine) as connection:
        require_secret_key(connection, secret_key)
        _keep_tokens(connection, folder, secret_key)
    engine.dispose()


def _keep_tokens(connection: Connection, folder: DataFolder, secret_key: str) -> None:
    """Make sure that the folder keeps a token of the default account, and one of the installation, that are good."""
    now = utc_now()
    account = account_named(connection, DEFAULT_ACCOUNT) or create_account(connection, DEFAULT_ACCOUNT, now=now)
    is_good = partial(_is_good, connection, secret_key=secret_key, now=now)
    if not is_good(folder.token(account.name), "read"):
        folder.keep_token(account.name, make_token(connection, account.id, WORKING_SCOPES, secret_key))
    if not is_good(folder.admin_token(), "installation"):
        folder.keep_admin_token(make_token(connection, account.id, ("installation",), secret_key))


def _is_good(connection: Connection, token: str | None, scope: Scope, *, secret_key: str, now: datetime) -> bool:
    """Tell whether it is accepted here: as a bearer, and by whoever opens its signing key."""
    try:
        caller = authenticate(connection, token or "", now=now)
        caller.require(scope)
    except (NotAuthenticated, NotAuthorised):
        return False
    return queue_key(connection, caller.key_id, secret_key=secret_key, now=now) is not None


def _tell(here: Session, state: State, *, ready_file: Path | None, demo: bool) -> None:
    if ready_file:
        write_private(ready_file, state.to_json())
    say(f"trueup runs in {here.folder.path} (process {state.pid}; logs in {here.folder.log})")
    if demo:
        _run_demo(here)
    if state.http:
        say_gateway(here.folder, state.http, DEFAULT_ACCOUNT)
    say_next_steps(here.folder)
