"""Options that every command takes, before its name or after it: they choose the stack, the account and the token."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

Command = Any  # typer's own copy of click has no public name

DEFAULT_DATA = ".trueup"

AcceptSecretKey = Annotated[
    bool, typer.Option("--accept-secret-key", help="Let the secret key take the place of one that is lost, for good.")
]

_PANEL = "For every command"
_META = "trueup.options"


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Note an option that was given; the one nearest to the end of the command line counts."""
    if value:
        ctx.meta.setdefault(_META, {})[param.name] = value
    return value


def _option(*names: str, help: str, **more: Any) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, callback=_remember, expose_value=False, rich_help_panel=_PANEL, **more)


def _common(
    data: Annotated[
        Path | None, _option("--data", metavar="DIR", help="the data folder (else TRUEUP_DATA, else .trueup)")
    ] = None,
    account: Annotated[
        str | None, _option("--account", metavar="NAME", help="the account (else the token's own, else default)")
    ] = None,
    token: Annotated[
        str | None,
        _option(
            "--token", metavar="TOKEN", help="the API token (else TRUEUP_TOKEN, else the one kept in the data folder)"
        ),
    ] = None,
    *,
    debug: Annotated[bool, _option("--debug", help="show where an error came from (or TRUEUP_DEBUG=1)")] = False,
) -> None:
    """Hold the declarations; it is never run."""


@cache
def _common_params() -> tuple[Any, ...]:
    declared = typer.Typer(add_completion=False)
    declared.command()(_common)
    return tuple(get_command(declared).params)


def with_common_options(command: Command) -> Command:
    """Give a command and all commands below it the common options."""
    command.params.extend(_common_params())
    if isinstance(command, TyperGroup):
        for below in command.commands.values():
            with_common_options(below)
    return command


@dataclass(frozen=True, slots=True)
class Chosen:
    """Choices of the command line and the environment.

    Attributes:
        data: the data folder.
        account: its name; None: the token's own, or `default`.
        token: None: the one that the data folder keeps for the account.
    """

    data: Path
    account: str | None
    token: str | None

    @classmethod
    def of(cls, ctx: typer.Context, environ: Mapping[str, str]) -> "Chosen":
        """Choices that were made; an option wins over its variable."""
        given = ctx.meta.get(_META, {})
        return cls(
            data=Path(given.get("data") or environ.get("TRUEUP_DATA") or DEFAULT_DATA),
            account=given.get("account"),
            token=given.get("token") or environ.get("TRUEUP_TOKEN") or None,
        )
