"""Context of a command: the settings that lead to the services, and who is asking."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import typer
from sqlalchemy import Connection, Engine

from trueup.clock import utc_now
from trueup.environment import environment
from trueup.errors import ExitCode
from trueup.settings import PREFIX, Settings, read_settings
from trueup.store.accounts.accounts import account_named
from trueup.store.accounts.tokens import Caller, NotAuthenticated, Scope, authenticate
from trueup.store.postgres.engine import make_engine, snapshot, transaction
from trueup_worker.cli.terminal.account_format import account_format
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.options import Chosen
from trueup_worker.local.folder import DataFolder, State

DEFAULT_ACCOUNT = "default"
_INSTALLATION: Scope = "installation"
_OF_ADMINISTRATORS: frozenset[str] = frozenset({"admin", _INSTALLATION})
_STATE_OF_SETTING = {"database_url": "database", "broker_url": "broker", "redis_url": "redis"}


class Session:
    """One run of one command.

    Args:
        chosen: the options that choose stack, account and token.
        environ: the environment; a service URL in it wins over the stack that runs in the data folder.
    """

    def __init__(self, chosen: Chosen, environ: Mapping[str, str]) -> None:
        self.folder = DataFolder(chosen.data)
        self._chosen = chosen
        self.environ = environ

    @cached_property
    def state(self) -> State | None:
        """State of the stack in the data folder; None when nothing runs."""
        return self.folder.read_state()

    @cached_property
    def settings(self) -> Settings:
        """The effective settings.

        Raises:
            CommandError: no service is named and none runs.
            SettingsError: some settings are wrong, or missing while others are there.
        """
        if self.state is None and not any(self._is_set(name) for name in _STATE_OF_SETTING):
            raise CommandError(
                f"nothing runs in {self.folder.path}: start it with `trueup up`, choose another folder with --data, "
                "or set TRUEUP_DATABASE_URL and TRUEUP_BROKER_URL",
                ExitCode.UNAVAILABLE,
            )
        return read_settings(**self.found)

    @cached_property
    def found(self) -> dict[str, Any]:
        """The settings that the data folder supplies: those which the environment does not name."""
        supplied = {
            name: getattr(self.state, key)
            for name, key in _STATE_OF_SETTING.items()
            if self.state and not self._is_set(name)
        }
        if (self.folder.path / "secret_key").exists() and not self._is_set("secret_key"):
            supplied["secret_key"] = self.folder.secret_key()
        return supplied

    @cached_property
    def engine(self) -> Engine:
        """The database's engine."""
        return make_engine(
            str(self.settings.database_url),
            statement_timeout_s=self.settings.statement_timeout_s,
            pooler=self.settings.database_pooler,
        )

    @property
    def secret_key(self) -> str:
        """The secret key among the settings."""
        return self.settings.secret_key.get_secret_value()

    @property
    def account(self) -> str:
        """The account that was chosen, or else `default`."""
        return self._chosen.account or DEFAULT_ACCOUNT

    @property
    def token(self) -> str:
        """The token to speak with for an account.

        Raises:
            CommandError: none was given, and none is kept for the account.
        """
        if self._chosen.token:
            return self._chosen.token
        account = self.account
        if kept := self.folder.token(account):
            return kept
        raise CommandError(
            f"no token for account {account!r} is kept in {self.folder.path}: give one with --token or TRUEUP_TOKEN, "
            "or see `trueup accounts list`",
            ExitCode.UNAUTHORISED,
        )

    @contextmanager
    def transaction(self, scope: Scope) -> Iterator[tuple[Connection, Caller]]:
        """One unit of work on behalf of whoever holds the token.

        Raises:
            NotAuthenticated, NotAuthorised: the token is no good, or not good for this.
        """
        with transaction(self.engine) as connection:
            caller = self._caller(connection, scope)
            caller.require(scope)
            yield connection, caller

    @contextmanager
    def snapshot(self, scope: Scope) -> Iterator[tuple[Connection, Caller]]:
        """One unit of reading on behalf of whoever holds the token: nothing can be written.

        Raises:
            NotAuthenticated, NotAuthorised: the token is no good, or not good for this.
        """
        caller = self.caller(scope)
        with snapshot(self.engine) as connection:
            yield connection, caller

    def caller(self, scope: Scope) -> Caller:
        """Caller who holds the token; raises as `transaction`."""
        with self.transaction(scope) as (_, caller):
            return caller

    def _caller(self, connection: Connection, scope: Scope) -> Caller:
        """Caller who holds the token. The installation's administrator makes and revokes tokens in any account."""
        token = self.token if scope not in _OF_ADMINISTRATORS else self._chosen.token or self._kept_for_administrators
        caller = authenticate(connection, token, now=utc_now())
        account_format.locale = caller.locale
        if _INSTALLATION in caller.scopes and scope in _OF_ADMINISTRATORS:
            account = account_named(connection, self.account if self._chosen.account else caller.account)
            if account is None:
                raise CommandError(f"there is no account {self.account!r}: see `trueup accounts list`")
            return replace(caller, account_id=account.id, account=account.name, scopes=_OF_ADMINISTRATORS)
        if self._chosen.account not in (None, caller.account):
            raise NotAuthenticated(f"the token is of account {caller.account!r}, not {self._chosen.account!r}")
        return caller

    @property
    def _kept_for_administrators(self) -> str:
        return self.folder.admin_token() or self.token

    def _is_set(self, name: str) -> bool:
        return bool(self.environ.get(PREFIX + name.upper()))


def session(ctx: typer.Context) -> Session:
    """The session of the command that runs.

    Raises:
        SettingsError: a file that a variable names cannot be read.
    """
    told = environment()
    return Session(Chosen.of(ctx, told), told)
