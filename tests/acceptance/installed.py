"""Environments as pip makes them of the wheel and some of its extras, out of what is installed here: no network."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 120

# A process of its own, as a child's memory counts from that of its parent on.
_MEASURE = """
import json, os, subprocess, sys
def cost():
    process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
cpu_s, rss_mb = map(min, zip(*(cost() for _ in range(int(sys.argv[1])))))
print(json.dumps({"cpu_s": cpu_s, "rss_mb": rss_mb}))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used: seconds of CPU, and megabytes at its most."""

    cpu_s: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment without pip, in which the wheel is installed."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """Where its packages lie."""
        return next((self.folder / "lib").glob("python3*/site-packages"))

    def run(self, *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run its Python in a folder, without any setting of ours."""
        command, environ = [str(self.python), *argv], _environ()
        return subprocess.run(
            command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
        )

    def said(self, *argv: str, cwd: Path) -> str:
        """As `run`, of what must end well; what it wrote to stdout."""
        ran = self.run(*argv, cwd=cwd)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def cost(self, *argv: str, cwd: Path, times: int = 5) -> Cost:
        """What a run takes that is not disturbed, nor the first, which compiles: the least of some."""
        command = [sys.executable, "-S", "-c", _MEASURE, str(times), str(self.python), *argv]
        told = subprocess.check_output(command, cwd=cwd, env=_environ(), text=True, timeout=SECONDS_MAX)
        return Cost(**json.loads(told))


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    made = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("trueup-*.whl")
    return wheel


def install(wheel: Path, folder: Path, *, extras: frozenset[str] = frozenset()) -> Installed:
    """An environment with the wheel, and links to what it requires with these extras, and to nothing else."""
    venv.create(folder, symlinks=True, with_pip=False)
    made = Installed(folder)
    zipfile.ZipFile(wheel).extractall(made.site)
    (metadata,) = made.site.glob("trueup-*.dist-info")
    for required in _closure(Distribution.at(metadata), extras):
        for name in _tops(required):
            (made.site / name).symlink_to(Path(str(required.locate_file(name))))
    return made


def _closure(root: Distribution, extras: frozenset[str]) -> list[Distribution]:
    """What a distribution requires, and what that requires."""
    own = canonicalize_name(root.metadata["Name"])
    seen: set[tuple[str, str]] = set()
    found: dict[str, Distribution] = {own: root}
    pending = [(own, extra) for extra in ("", *extras)]
    while pending:
        if (chosen := pending.pop()) in seen:
            continue
        seen.add(chosen)
        name, extra = chosen
        for needed in _requirements(found[name], extra):
            below = canonicalize_name(needed.name)
            found.setdefault(below, distribution(needed.name) if below != own else root)
            pending += [(below, wanted) for wanted in ("", *needed.extras)]
    return [each for name, each in found.items() if name != own]


def _requirements(of: Distribution, extra: str) -> Iterator[Requirement]:
    for text in of.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": extra}):
            yield needed


def _tops(of: Distribution) -> set[str]:
    tops = {file.parts[0] for file in of.files or ()}
    return tops - {"..", "__pycache__"}


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TRUEUP_", "PYTHON"))}
