"""The effective settings and where each comes from; secrets are masked."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from trueup.addresses import MASK, shown_url
from trueup.settings import PREFIX, Settings
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import Record, emit_json_list, emit_table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def config() -> None:
    """The effective settings."""


@app.command()
def show(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every setting, its value and where that comes from. Secrets are masked. Wrong values: `trueup doctor`."""
    here = session(ctx)
    settings = list(effective_settings(here, here.environ))
    emit_json_list(settings) if as_json else emit_table(("setting", "value", "source", "meaning"), settings)


def effective_settings(here: Session, environ: Mapping[str, str]) -> Iterator[Record]:
    """Every setting with its masked value (None: not set), where it comes from, and what it means."""
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        value, source = _found(variable, name, field.default, here.found, environ)
        yield {
            "setting": variable,
            "value": _shown(value, is_secret=field.annotation is SecretStr, is_url=name.endswith("_url")),
            "source": source,
            "meaning": field.description,
        }


def _shown(value: Any, *, is_secret: bool, is_url: bool) -> Any:
    """The value without its secrets, also where it is another than it should be."""
    if not isinstance(value, str):
        return value
    if is_secret:
        return value and MASK
    return shown_url(value) if is_url or "://" in value or "@" in value else value


def _found(
    variable: str, name: str, default: Any, supplied: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Any, str]:
    if environ.get(variable):
        return environ[variable], "environment"
    if name in supplied:
        return supplied[name], "data folder"
    return (None, "not set") if default is PydanticUndefined else (default, "default")
