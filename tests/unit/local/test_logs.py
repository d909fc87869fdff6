"""Log files are bounded, and what goes wrong with them goes wrong for nobody else."""

from pathlib import Path
from threading import Event

import pytest

from trueup import readiness
from trueup.readiness import PROCESS_NAME_VARIABLE, READY_FOLDER_VARIABLE, announce_ready
from trueup_worker.local.files.logs import LogFile


def test_a_log_that_is_too_long_is_moved_aside(tmp_path: Path) -> None:
    """And is empty then; what is added to it is read from its beginning."""
    log = LogFile(tmp_path / "x.log")
    log.path.write_bytes(b"old\n" * 10)
    assert log.new_lines() == [b"old"] * 10
    log.cap(bytes_max=20)
    assert (log.path.read_bytes(), (tmp_path / "x.log.1").read_bytes()) == (b"", b"old\n" * 10)
    log.path.write_bytes(b"new\n")
    assert log.new_lines() == [b"new"]


def test_without_room_for_a_copy(tmp_path: Path) -> None:
    """It is emptied all the same: a log never takes more than its bound."""
    log = LogFile(tmp_path / "x.log")
    (tmp_path / "x.log.1").symlink_to("/dev/full")
    log.path.write_bytes(b"old\n" * 10)
    log.cap(bytes_max=20)
    assert log.path.read_bytes() == b""
    assert not (tmp_path / "x.log.1").is_symlink()


def test_a_log_that_cannot_be_had(tmp_path: Path) -> None:
    """Where it cannot be made or read, children write into nothing, and nothing is read."""
    log = LogFile(tmp_path / "missing" / "x.log")
    with log.open() as file:
        file.write(b"into nothing")
    assert (log.new_lines(), log.tail()) == ([], "(nothing was logged)")
    log.cap()


def test_a_log_that_somebody_emptied(tmp_path: Path) -> None:
    """Is read on from its beginning."""
    log = LogFile(tmp_path / "x.log")
    log.path.write_bytes(b"a long line\n")
    assert log.new_lines() == [b"a long line"]
    log.path.write_bytes(b"")
    assert log.new_lines() == []
    log.path.write_bytes(b"short\n")
    assert log.new_lines() == [b"short"]


def test_who_cannot_say_that_it_is_ready_says_it_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The process goes on, and its file appears once there is room."""
    asked = Event()
    monkeypatch.setattr(readiness, "_AGAIN_S", 0.01)
    monkeypatch.setenv(READY_FOLDER_VARIABLE, str(tmp_path / "ready"))
    monkeypatch.setenv(PROCESS_NAME_VARIABLE, "single")
    announce_ready()
    (tmp_path / "ready").mkdir()
    while not (tmp_path / "ready" / "single").exists():
        assert not asked.wait(0.01)
