"""Log lines are written or counted, and nobody waits for either."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from tests.acceptance.processes import wait_for
from tests.integration.intake import settings_of
from trueup_worker.startup import log_output
from trueup_worker.startup.log_output import LogOutput, occupy_standard_descriptors
from trueup_worker.startup.logging import configure_logging


@pytest.fixture
def full() -> Iterator[LogOutput]:
    """The log of a process whose disk is full."""
    fd = os.open("/dev/full", os.O_WRONLY)
    output = LogOutput(fd)
    yield output
    output.finish()
    os.close(fd)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A small pipe that is full: its ends."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4_096)
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b".")
    os.set_blocking(writer, True)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_lines_are_written_in_order(tmp_path: Path) -> None:
    """Whole, those of `print` too, and all of them before the process ends."""
    with (tmp_path / "log").open("wb") as file:
        output = LogOutput(file.fileno())
        for number in range(100):
            output.write(f"line {number}\n")
        print("and", "more", file=output)  # type: ignore[call-overload]
        output.finish()
    assert (tmp_path / "log").read_text().splitlines() == [*(f"line {number}" for number in range(100)), "and more"]


def test_a_full_disk(full: LogOutput) -> None:
    """Each line that cannot be written is counted."""
    for _ in range(3):
        full.write("a line\n")
    wait_for(lambda: full.lost_lines == 3, what="three lines to be lost", seconds_max=10)


def test_a_pipe_that_nobody_reads(monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]) -> None:
    """Lines wait in a bounded place, those beyond it are counted, and that is told when the pipe is read."""
    reader, writer = pipe
    monkeypatch.setattr(log_output, "PIECES_MAX", 10)
    output = LogOutput(writer)
    for number in range(30):
        output.write(f"line {number}\n")
    lost = output.lost_lines
    assert 19 <= lost <= 20
    read = os.read(reader, 4_096).count(b".")
    assert read == 4_096
    told = b""
    while b"were lost\n" not in told:
        told += os.read(reader, 4_096)
    output.finish()
    assert f"{lost} log lines were lost\n".encode() in told
    assert b"line 0\n" in told


def test_a_line_that_broke_off_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What comes after it begins a line of its own, with how many were lost."""
    room = [3, 0, 0, 1_000]
    write = os.write

    def write_some(fd: int, piece: bytes) -> int:
        if not room[0]:
            room.pop(0)
            raise OSError(28, "no space left on device")
        return write(fd, piece[: room.pop(0)])

    with (tmp_path / "log").open("wb") as file:
        output = LogOutput(file.fileno())
        with monkeypatch.context() as patched:
            patched.setattr(log_output.os, "write", write_some)
            output.write("torn line\n")
            wait_for(lambda: output.lost_lines == 1, what="the line to be lost", seconds_max=10)
            wait_for(lambda: len(room) == 0, what="room again", seconds_max=10)
        output.write("another\n")
        output.finish()
    assert (tmp_path / "log").read_text() == "tor\n1 log lines were lost\nanother\n"


def test_what_cannot_be_printed_is_counted(capfd: pytest.CaptureFixture[str]) -> None:
    """An event whose value fails to say what it is is lost; the logger does not raise."""

    class Mute:
        def __repr__(self) -> str:
            raise ValueError("says nothing")

    before = structlog.get_config()
    try:
        configure_logging(settings_of())
        log = structlog.get_logger()
        output = log.bind()._logger.output
        lost = output.lost_lines
        log.warning("an event", action="told", value=Mute())
        assert output.lost_lines == lost + 1
        log.warning("an event", action="told", value="\ud800")
        output.finish()
    finally:
        structlog.configure(**before)
    assert "told" in capfd.readouterr().err


def test_closed_descriptors_are_occupied() -> None:
    """No file that is opened later gets the number of a standard stream, and with it what is logged."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(2)
            os.close(0)
            occupy_standard_descriptors()
            code = 0 if os.open(os.devnull, os.O_RDONLY) > 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_text_only(full: LogOutput) -> None:
    """As every text stream, it refuses bytes: some ask in this way what it is."""
    with pytest.raises(TypeError):
        full.write(b"")  # type: ignore[arg-type]
