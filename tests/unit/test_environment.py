"""Settings come from the process, from `.env`, and from files that variables name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trueup.environment import environment
from trueup.settings import SettingsError, read_settings

URL = "postgresql://trueup_app:password@db.example/trueup"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TRUEUP_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_each_place_has_its_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a variable names, a line of `.env`, one of `.env` that names a file, and a variable over it."""
    (folder / "database").write_text(f"{URL}\n")
    (folder / "key").write_text("k" * 32)
    lines = "TRUEUP_BROKER_URL=redis://a/0\nTRUEUP_QUEUE_LIMIT='7'\nTRUEUP_SECRET_KEY_FILE=key\nOTHER=1\n"
    (folder / ".env").write_text(f"# ours\n{lines}")
    monkeypatch.setenv("TRUEUP_DATABASE_URL_FILE", str(folder / "database"))
    monkeypatch.setenv("TRUEUP_BROKER_URL", "redis://b/0")
    found = read_settings()
    assert (str(found.database_url), str(found.broker_url), found.queue_limit) == (URL, "redis://b/0", 7)
    assert found.secret_key.get_secret_value() == "k" * 32
    assert "OTHER" not in environment()


def test_what_stands_in_files_stays_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No child process gets it by its environment."""
    (folder / ".env").write_text("TRUEUP_QUEUE_LIMIT=7\n")
    (folder / "key").write_text("k" * 32)
    monkeypatch.setenv("TRUEUP_SECRET_KEY_FILE", "key")
    assert environment()["TRUEUP_QUEUE_LIMIT"] == "7"
    assert "TRUEUP_SECRET_KEY_FILE" not in environment()
    assert {name for name in os.environ if name.startswith("TRUEUP_")} == {"TRUEUP_SECRET_KEY_FILE"}


def test_a_value_beside_the_file_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could tell which one counts; every such variable is named, and every file that is not there."""
    monkeypatch.setenv("TRUEUP_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("TRUEUP_SECRET_KEY_FILE", "key")
    monkeypatch.setenv("TRUEUP_BROKER_URL_FILE", "/nowhere/broker")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    told = sorted(line[:40] for line in str(refused.value).splitlines())
    assert told == ["TRUEUP_BROKER_URL_FILE: /nowhere/broker ", "TRUEUP_SECRET_KEY and TRUEUP_SECRET_KEY_"]


def test_a_variable_wins_over_a_file_that_the_dotenv_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over a value in it: what `.env` says is a default of this folder."""
    (folder / ".env").write_text("TRUEUP_TOKEN_FILE=token\n")
    (folder / "token").write_text("tu_a_b")
    assert environment()["TRUEUP_TOKEN"] == "tu_a_b"
    monkeypatch.setenv("TRUEUP_TOKEN", "tu_c_d")
    assert environment()["TRUEUP_TOKEN"] == "tu_c_d"


_CLOSED = """
import os, sys
from trueup.environment import environment
from trueup.store.postgres.parameters import _has_roots_at_home

os.chdir(sys.argv[1])
os.chmod(sys.argv[1], 0)
if os.getuid() == 0:  # whom no mode keeps out
    os.setuid(65534)
environment()
print(_has_roots_at_home())
"""


def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    """As working folder it has no `.env` for us, as home no authorities."""
    folder = tmp_path / "closed"
    folder.mkdir()
    argv = [sys.executable, "-c", _CLOSED, str(folder)]
    done = subprocess.run(argv, env={**os.environ, "HOME": str(folder)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
