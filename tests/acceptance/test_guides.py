"""The guides, followed word by word from their first command to their last: what they show is what appears."""

import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.guide import Step, Terminal, steps_of

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "deploy/guides").glob("*.md"))
SECONDS_MAX = 60


@pytest.fixture
def checkout(open_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A checkout as a reader has it, in which nothing has run: the examples, and an environment with the command."""
    folder = open_folder / request.node.callspec.id
    folder.mkdir(mode=0o711)
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_what_a_guide_shows_is_what_appears(guide: Path, checkout: Path) -> None:
    """Each block runs; what is not shown succeeds, what is shown appears, at once or when it has fallen due."""
    with Terminal(checkout) as terminal:
        try:
            for step in steps_of(guide.read_text(encoding="utf-8")):
                follow(step, terminal, where=f"{guide.name}:{step.line_number}")
        finally:
            terminal.run("command trueup down\n")


def follow(step: Step, terminal: Terminal, *, where: str) -> None:
    """Runs a block and compares; what it reads at its end is read again until what is due has been invoiced."""
    doing, reading = step.parts()
    done, read = terminal.run(doing), terminal.run(reading)
    if step.shown is None:
        assert done.succeeded, f"{where} failed:\n{done.text}"
        assert read.succeeded, f"{where} failed:\n{read.text}"
        return
    deadline = time.monotonic() + (SECONDS_MAX if reading else 0)
    while not step.expects(done.text + read.text):
        assert time.monotonic() < deadline, f"{where} shows\n{step.shown}\nand this appears:\n{done.text}{read.text}"
        read = terminal.run(reading)
