"""Guides as their readers follow them: shell blocks in one terminal, and what the page shows below them."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Self
from uuid import uuid4

_BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```$(?:\n\n```text\n(?P<shown>.*?)^```$)?", re.MULTILINE | re.DOTALL)
_READING = re.compile(r"trueup (?:\w+ (?:list|show)|balance|explain|forecast|reconcile)\b")
_LEFT_OUT = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """One shell block.

    Attributes:
        commands: as they are typed.
        shown: what the page says that they print; None where it says nothing.
        line_number: of the block's first line in the page.
    """

    commands: str
    shown: str | None
    line_number: int

    def parts(self) -> tuple[str, str]:
        """What is done once, and what only reads below it: that may be asked again until all that is due is there."""
        lines = self.commands.splitlines(keepends=True)
        reading = list(takewhile(_READING.match, reversed(lines)))
        done = len(lines) - len(reading)
        return "".join(lines[:done]), "".join(lines[done:])

    def expects(self, said: str) -> bool:
        """Whether this is what the page shows; `…` there stands for anything in a line, alone for any lines."""
        assert self.shown is not None, "only blocks with output below them are compared"
        lines = (
            r"(?:.*\n)*?" if line.strip() == _LEFT_OUT else re.escape(line).replace(_LEFT_OUT, ".*") + r"\n"
            for line in self.shown.splitlines()
        )
        return re.fullmatch("".join(lines), said) is not None


def steps_of(text: str) -> Iterator[Step]:
    """The shell blocks of a page, in their order."""
    for block in _BLOCK.finditer(text):
        yield Step(block["commands"], block["shown"], text.count("\n", 0, block.start()) + 2)


@dataclass(frozen=True, slots=True)
class Said:
    """What a block printed, both streams as they come, and whether all of its commands succeeded."""

    text: str
    succeeded: bool


class Terminal:
    """A shell that stays open between blocks: what one of them defines, the next ones use.

    Args:
        folder: where it is opened.
    """

    def __init__(self, folder: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=inherited,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._type("trap 'failed=yes' ERR\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._shell.communicate("exit\n")

    def run(self, commands: str) -> Said:
        """Runs a block to its end."""
        end = uuid4().hex
        self._type(f"failed=\n{{\n{commands}:\n}} </dev/null\nprintf '\\n%s %s\\n' {end} $failed\n")
        lines = []
        for line in self._printed():
            if line.startswith(end):
                return Said("".join(lines).removesuffix("\n"), succeeded="yes" not in line)
            lines.append(line)
        raise AssertionError(f"the shell has gone: {''.join(lines)}")

    def _type(self, text: str) -> None:
        assert self._shell.stdin, "it was opened with one"
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def _printed(self) -> Iterator[str]:
        assert self._shell.stdout, "it was opened with one"
        return iter(self._shell.stdout)
