"""The data folder: who may use it, what it keeps, and who is told what runs in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.files.private import DamagedFile, kept_secret, write_private
from trueup_worker.local.folder import AlreadyRunningError, DataFolder, FolderError, State

STATE = State(pid=os.getpid(), database="postgresql://a", redis="redis://b/1", broker="redis://b/0")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder that does not exist yet."""
    return DataFolder(tmp_path / "data")


def mode(path: Path) -> int:
    """The permission bits."""
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_private(folder: DataFolder) -> None:
    """Nobody else can list the folder; as root others may pass through it, since Postgres runs as another user."""
    folder.create()
    assert mode(folder.path) == (0o711 if os.geteuid() == 0 else 0o700)


def test_an_existing_folder_keeps_its_mode(folder: DataFolder) -> None:
    """A folder that somebody closed stays closed."""
    folder.path.mkdir(mode=0o700)
    folder.create()
    assert mode(folder.path) == 0o700


@pytest.mark.parametrize("path", ["file", "file/below", "/proc/trueup"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, path: str) -> None:
    """A file in its place, or a place where nothing can be made: the message names it and the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match=r"data folder .* cannot be used: .* Choose another with --data"):
        DataFolder(tmp_path / path).create()


def test_secrets_are_kept_and_private(folder: DataFolder) -> None:
    """The secret key is made once, and only its owner can read it."""
    folder.create()
    key = folder.secret_key()
    assert len(key) == 64
    assert folder.secret_key() == key
    assert mode(folder.path / "secret_key") == 0o600


@pytest.mark.parametrize("account", ["default", "../../escape", "..", "a/b", "Müller & Söhne"])
def test_tokens_are_kept_one_file_each(folder: DataFolder, account: str) -> None:
    """A token is read back by the account's name, whatever that is, from a private file in the folder."""
    folder.create()
    assert folder.token(account) is None
    folder.keep_token(account, "tu_1_secret")
    assert folder.token(account) == "tu_1_secret"
    (file,) = folder.tokens.iterdir()
    assert mode(file) == 0o600


def test_the_installations_token_is_apart(folder: DataFolder) -> None:
    """No account's name leads to it, and it is private."""
    folder.create()
    folder.keep_admin_token("tu_2_secret")
    assert folder.admin_token() == "tu_2_secret"
    assert [folder.token(name) for name in ("admin_token", "../admin_token", ".")] == [None] * 3
    assert mode(folder.admin_token_file) == 0o600


def test_a_folder_is_held_once(folder: DataFolder) -> None:
    """A second supervisor is refused, told the first one's process id, and let in when that has gone."""
    with folder.lock():
        assert folder.holder() == os.getpid()
        with pytest.raises(AlreadyRunningError, match=rf"\(process {os.getpid()}\)"), folder.lock():
            pass
    assert folder.holder() is None
    with folder.lock():
        pass


def test_looking_does_not_hold(folder: DataFolder) -> None:
    """Whoever looks into an unused folder, or one that does not exist, finds nothing and changes nothing."""
    assert folder.read_state() is None
    assert not folder.path.exists()


def test_state_is_true_only_while_its_writer_lives(folder: DataFolder) -> None:
    """What a killed supervisor said is not repeated, whoever has its process id now."""
    program = (
        "import os, sys; from pathlib import Path; from trueup_worker.local.folder import *\n"
        "folder = DataFolder(Path(sys.argv[1]))\n"
        "with folder.lock():\n"
        "    folder.write_state(State(pid=os.getpid(), database='d', redis='r', broker='b'))\n"
        "    print('written', flush=True); sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", program, str(folder.path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout
        supervisor.stdout.readline()
        assert folder.read_state() == State(pid=supervisor.pid, database="d", redis="r", broker="b")
        supervisor.kill()
        supervisor.wait()
        assert folder.read_state() is None
        with folder.lock():
            assert folder.read_state() is None


def test_state_is_private_and_cleared(folder: DataFolder) -> None:
    """The state holds passwords: private on disk, absent from its text form, gone when cleared."""
    with folder.lock():
        folder.write_state(STATE)
        assert folder.read_state() == STATE
        assert mode(folder.run / "state.json") == 0o600
        assert "postgresql" not in repr(STATE)
        folder.clear_state()
        assert folder.read_state() is None


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1, "datab', "[]", '"x"', '{"pid": "x"}', "null", "\x00\x00\xff"])
def test_a_damaged_state_is_said_with_its_cure(folder: DataFolder, text: str) -> None:
    """Half a file, or another one, ends in a message that says what to do; `down` needs no state."""
    with folder.lock():
        (folder.run / "state.json").write_text(text)
        with pytest.raises(FolderError, match=r"state.json is damaged .*trueup down.*trueup up.*no data is lost"):
            folder.read_state()
        assert folder.holder() == os.getpid()
    assert folder.read_state() is None


def test_a_damaged_state_does_not_outlive_its_supervisor(folder: DataFolder) -> None:
    """Whoever holds the folder next starts without it."""
    folder.create()
    (folder.run / "state.json").write_text("{")
    with folder.lock():
        assert folder.read_state() is None


def test_a_lock_that_names_nobody(folder: DataFolder) -> None:
    """Somebody holds the folder and its file does not say who: the message says how to find out."""
    with folder.lock():
        (folder.run / "lock").write_text("")
        with pytest.raises(FolderError, match="does not name it: find it with `fuser"):
            folder.holder()


@pytest.mark.parametrize("name", ["secret_key", "password"])
def test_an_empty_secret_is_not_taken_for_one(tmp_path: Path, name: str) -> None:
    """A full disk left nothing in the file: that is said, and no key is made of it."""
    (tmp_path / name).write_text("\n")
    with pytest.raises(DamagedFile, match=f"{name} is empty"):
        kept_secret(tmp_path / name)


def test_private_files_are_replaced_whole(tmp_path: Path) -> None:
    """A private file is written anew, not over: no other name is left beside it."""
    for text in ("a longer first text", "second"):
        write_private(tmp_path / "file", text)
    assert (tmp_path / "file").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_logs_are_bounded(tmp_path: Path) -> None:
    """A log that is too large is emptied under its writer, and what was in it is kept once."""
    log = LogFile(tmp_path / "a.log")
    with log.open() as writer:
        for number in range(3):
            writer.write(b"line %d\n" % number)
            writer.flush()
            assert log.new_lines() == [b"line %d" % number]
            log.cap(bytes_max=10)
    assert log.path.read_text() == "line 2\n"
    assert (tmp_path / "a.log.1").read_text() == "line 0\nline 1\n"
    assert mode(log.path) == 0o600


def test_a_log_is_followed_by_whole_lines(tmp_path: Path) -> None:
    """Half a line is passed on when its other half has come; what stood there before is not."""
    (tmp_path / "a.log").write_text("old\n")
    log = LogFile(tmp_path / "a.log")
    with log.open() as writer:
        writer.write(b"one\nhal")
        writer.flush()
        assert log.new_lines() == [b"one"]
        writer.write(b"f\n")
        writer.flush()
        assert log.new_lines() == [b"half"]
        assert log.new_lines() == []
    assert log.tail(lines_max=2) == "one\nhalf"
