"""A command group whose commands are imported when they run, and only then."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from trueup.extras import extra
from trueup_worker.cli.terminal.options import Command, with_common_options


@dataclass(frozen=True, slots=True)
class Entry:
    """A command before it is imported: what `--help` says of it.

    Attributes:
        module: has the typer app `app`, which is the command or has it among its own.
        help: the first line.
        panel: the heading under which it stands.
        extra: the extra of the distribution that it needs; None: the base install has what it needs.
    """

    module: str
    help: str
    panel: str | None = None
    extra: str | None = "worker"


class LazyGroup(TyperGroup):
    """Group that lists commands from a table, after those that it was made with."""

    table: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, entry in self.table.items():
            self.add_command(TyperCommand(name, help=entry.help, rich_help_panel=entry.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Command, list[str]]:
        """Find the command that the arguments name, and import it.

        Raises:
            MissingExtra: it needs more than is installed.
        """
        name, found, rest = super().resolve_command(ctx, args)
        entry = self.table.get(found.name or "") if found else None
        return name, _imported(found, entry, path=f"{ctx.command_path} {name}") if entry else found, rest


def _imported(stub: Command, entry: Entry, *, path: str) -> Command:
    with extra(entry.extra, needed_by=f"`{path}`") if entry.extra else nullcontext(), _left_to_the_end():
        command = get_command(import_module(entry.module).app)
    if isinstance(command, TyperGroup):
        command = command.commands.get(stub.name, command)
    command.name = stub.name
    command.params = [param for param in command.params if not (param.name or "").endswith("_completion")]  # the root's
    return with_common_options(command)


@contextmanager
def _left_to_the_end() -> Iterator[None]:
    """Keep the garbage collector off what is imported, while it is and later: a quarter of the time of a command."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
