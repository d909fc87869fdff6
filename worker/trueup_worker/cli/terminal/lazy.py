"""A command group whose commands are imported when they run, and only then."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from trueup_worker.cli.terminal.options import Command, with_common_options


@dataclass(frozen=True, slots=True)
class Entry:
    """A command before it is imported: what `--help` says of it, and under which heading."""

    module: str
    help: str
    panel: str


class LazyGroup(TyperGroup):
    """Lists commands from a table; the module of one that runs has the typer app `app`."""

    table: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, entry in self.table.items():
            self.add_command(TyperCommand(name, help=entry.help, rich_help_panel=entry.panel))
        with_common_options(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Command, list[str]]:
        """Finds the command that the arguments name, and imports it."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, stub and _imported(stub, self.table[stub.name or ""]), rest


def _imported(stub: Command, entry: Entry) -> Command:
    command = get_command(import_module(entry.module).app)
    command.name = stub.name
    command.params = [param for param in command.params if not (param.name or "").endswith("_completion")]  # the root's
    return with_common_options(command)
