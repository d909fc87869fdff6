"""Every command that takes the id of a record takes what people call it, too."""

from collections.abc import Iterator
from typing import Any, get_args
from uuid import UUID

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from trueup_worker.cli import main


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command below this one, by its path."""
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    context = command.make_context(path, [], resilient_parsing=True)
    for name in command.list_commands(context):
        _, found, _ = command.resolve_command(context, [name])
        yield from commands(found, f"{path} {name}")


COMMANDS = dict(commands(get_command(main.app), "trueup"))


def takes_uuid(param: Any) -> bool:
    """Whether a parameter is read as a UUID, or as several."""
    annotation = param.type_descriptor.annotation
    return annotation is UUID or UUID in get_args(annotation)


@pytest.mark.parametrize("path", COMMANDS)
def test_no_command_takes_an_id_alone(path: str) -> None:
    """What it is given is a text, which is looked up; but for what has no other name: a page's place, a delivery."""
    ids_alone = {each.name for each in COMMANDS[path].params if takes_uuid(each)}
    assert ids_alone <= {"after", "delivery"}


def test_ids_alone_are_seen() -> None:
    """The places of pages are: so would be any other."""
    assert any(takes_uuid(each) for each in COMMANDS["trueup customers list"].params)
