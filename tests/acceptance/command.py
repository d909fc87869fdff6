"""The real command in a process of its own, as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).parent / "trueup"
SECONDS_MAX = 120


@dataclass(frozen=True)
class Result:
    """How a run ended and what it said."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """The one JSON document on stdout, numbers as Decimal."""
        return json.loads(self.stdout, parse_float=Decimal, parse_int=Decimal)

    def json_lines(self) -> list[Any]:
        """The JSON documents on stdout, one per line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(frozen=True)
class Command:
    """`trueup` with a data folder, in a working folder, without any setting of ours.

    Args:
        data: the data folder that TRUEUP_DATA names.
        cwd: where it runs.
        environ: more variables.
    """

    data: Path
    cwd: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, stdin: bytes = b"", **environ: str) -> Result:
        """Runs it to its end; no traceback is ever shown, whatever the arguments."""
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=self.cwd,
            env=self.surroundings() | environ,
            timeout=SECONDS_MAX,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.stderr, result.stderr
        assert result.code != 70, result.stderr
        return result

    def ok(self, *arguments: object, stdin: bytes = b"", **environ: str) -> Result:
        """Runs it; it must succeed."""
        result = self(*arguments, stdin=stdin, **environ)
        assert result.code == 0, f"{arguments} ended with {result.code}:\n{result.stderr}"
        return result

    def surroundings(self) -> dict[str, str]:
        """The environment of a run."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
        return {**inherited, "TRUEUP_DATA": str(self.data), **self.environ}
