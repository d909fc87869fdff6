"""Console of the supervisor: its own messages and its children's lines, each behind a name."""

from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import TextIO

from honcho.colour import get_colours
from honcho.printer import Message, Printer

_SUPERVISOR = "trueup"
_WIDTH = 12


class Console:
    """Prints lines as `12:34:56 name | line`, in colour on a terminal.

    Args:
        output: where to.
        echo: whether the children's lines are printed too; in any case they stand in their log files.
    """

    def __init__(self, output: TextIO, *, echo: bool = True) -> None:
        self._printer = Printer(output, width=_WIDTH)
        self._echo = echo
        self._colours = get_colours()
        self._colour_of: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print a message of the supervisor."""
        self._write(_SUPERVISOR, text)

    def echo(self, name: str, lines: list[bytes]) -> None:
        """Print what a child wrote."""
        if self._echo and lines:
            self._write(name, b"\n".join(lines).decode("utf-8", "replace"))

    def _write(self, name: str, text: str) -> None:
        colour = self._colour_of.setdefault(name, *islice(self._colours, 1)) if name != _SUPERVISOR else None
        now = datetime.now().astimezone()
        with suppress(OSError, ValueError):  # the terminal is gone: what runs is not to fall with it
            self._printer.write(Message(type="line", data=text, time=now, name=name, colour=colour))
