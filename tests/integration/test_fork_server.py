"""Processes that are forked from one that has imported everything."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest

from tests.acceptance.processes import ROOT, wait_for
from tests.conftest import SECRET_KEY
from trueup.readiness import READY_FOLDER_VARIABLE
from trueup_worker.local.console import Console
from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.fork_server.client import ForkServer, module_of
from trueup_worker.local.runner import Runner, stop_orphans
from trueup_worker.local.servers.server import ServiceError, lives

MODULE = """\
import os, sys, signal, time
from pathlib import Path
from trueup.ids import new_id
from trueup.readiness import announce_ready

what, *more = sys.argv[1:]
if what == "raise":
    raise ValueError("of its own")
if what == "say":
    alone = os.getsid(0) == os.getpid()
    print(__name__, more, os.environ["OF_ITS_OWN"], "OF_THE_SERVER" in os.environ, alone, new_id())
if what == "stay":
    announce_ready()
    signal.pause()
sys.exit(int(more[0]) if more else 0)
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a fork server sees: a module `for_forks` too."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "for_forks.py").write_text(MODULE)
    return {"PYTHONPATH": f"{ROOT}:{folder}", "OF_THE_SERVER": "1"}


@pytest.fixture(scope="module")
def fork_server(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """A fork server that nobody hurts."""
    fork_server = ForkServer(environ, LogFile(tmp_path_factory.mktemp("log") / "fork_server.log"))
    yield fork_server
    fork_server.stop()


def forked(fork_server: ForkServer, folder: Path, *argv: str) -> tuple[int, str]:
    """How a module ended, and what it said."""
    log = LogFile(folder / "fork.log")
    code = fork_server.fork(["for_forks", *argv], environ={"OF_ITS_OWN": "yes"}, log=log).wait()
    said = log.path.read_text()
    log.path.unlink()
    return code, said


def test_a_fork_is_as_a_process_of_its_own(fork_server: ForkServer, tmp_path: Path) -> None:
    """It runs a module as `python -m` does, with arguments, environment, session and log of its own, and ids too."""
    (code, said), (_, said_again) = (forked(fork_server, tmp_path, "say", "3") for _ in range(2))
    assert code == 3
    *words, id_ = said.split()
    assert words == ["__main__", "['3']", "yes", "False", "True"]
    assert said_again.split()[-1] != id_


def test_how_a_fork_ended_is_told(fork_server: ForkServer, tmp_path: Path) -> None:
    """An exception is in its log and makes exit code 1; a signal is told as one."""
    code, said = forked(fork_server, tmp_path, "raise")
    assert code == 1
    assert "ValueError: of its own" in said
    stays = fork_server.fork(["for_forks", "stay"], environ={"OF_ITS_OWN": "yes"}, log=LogFile(tmp_path / "s.log"))
    assert stays.poll() is None
    os.kill(stays.pid, signal.SIGKILL)
    assert stays.wait() == -signal.SIGKILL


def test_no_end_is_missed(fork_server: ForkServer, tmp_path: Path) -> None:
    """Of processes that end at once, many together, each is told of."""
    log = LogFile(tmp_path / "fork.log")
    forks = [fork_server.fork(["no_such_module"], environ={}, log=log) for _ in range(100)]
    assert {fork.wait() for fork in forks} == {1}


def test_a_fork_server_that_cannot_import_says_so(environ: dict[str, str], tmp_path: Path) -> None:
    """Its log's end stands in the error."""
    (tmp_path / "celery.py").write_text("raise RuntimeError('broken')")
    fork_server = ForkServer(environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}, LogFile(tmp_path / "fork_server.log"))
    with pytest.raises(ServiceError, match="RuntimeError: broken"):
        fork_server.fork(["for_forks"], environ={}, log=LogFile(tmp_path / "fork.log"))
    fork_server.stop()


def test_when_the_fork_server_is_killed_its_processes_start_anew(environ: dict[str, str], tmp_path: Path) -> None:
    """The runner ends what nobody watches any more, and has it forked by a new fork server."""
    fork_server = ForkServer(environ, LogFile(tmp_path / "fork_server.log"))
    runner = Runner(
        "stays: exec python -m for_forks stay",
        concurrency={},
        environ={"OF_ITS_OWN": "yes"},
        log_folder=tmp_path,
        ready_folder=tmp_path,
        console=Console(StringIO()),
        fork_server=fork_server,
    )

    def ready_but_not(pid: int) -> int:
        runner.tend()
        child = runner.processes[0].child
        return child.pid if child and child.pid != pid and runner.is_ready() else 0

    first = wait_for(lambda: ready_but_not(0), what="a first start")
    fork_server._process.kill()
    second = wait_for(lambda: ready_but_not(first), what="a second start")
    assert not alive(first)
    runner.stop()
    assert not alive(second)


def test_orphans_of_a_fork_server_are_found(environ: dict[str, str], tmp_path: Path) -> None:
    """What it forked outlives it, and is known by the ready folder."""
    fork_server = ForkServer(environ | {READY_FOLDER_VARIABLE: str(tmp_path)}, LogFile(tmp_path / "fork_server.log"))
    orphan = fork_server.fork(["for_forks", "stay"], environ={}, log=LogFile(tmp_path / "s.log")).pid
    fork_server.stop()
    assert alive(orphan)
    stop_orphans(tmp_path)
    assert not alive(orphan)


def alive(pid: int) -> bool:
    """Whether this process runs."""
    return psutil.pid_exists(pid) and lives(psutil.Process(pid))


def test_only_plain_modules_are_forked() -> None:
    """A line that does more than run one module with plain words, with settings or without, is the shell's."""
    assert module_of("exec python -m trueup_worker.run bulk commits") == (["trueup_worker.run", "bulk", "commits"], {})
    assert module_of("URL=postgresql://u:p@h:1/d A=b exec python -m trueup_worker.scheduling") == (
        ["trueup_worker.scheduling"],
        {"URL": "postgresql://u:p@h:1/d", "A": "b"},
    )
    for command in ("python -m a", "exec python -m a $B", "exec python -m a; b", 'A="b" exec python -m a', "exec b"):
        assert module_of(command) is None


def test_what_is_preloaded_is_nearly_all() -> None:
    """After it, the processes import nothing but what is small, or reads settings."""
    program = f"""
import os, sys
from trueup_worker.local.fork_server.preload import preload
preload()
assert not [name for name in os.environ if name.startswith("TRUEUP_")]
before = set(sys.modules)
os.environ |= dict(TRUEUP_DATABASE_URL="postgresql://x@127.0.0.1:1/x", TRUEUP_BROKER_URL="redis://127.0.0.1:1/0",
                   TRUEUP_SECRET_KEY="{SECRET_KEY}")
import trueup_worker.run, trueup_worker.tasks, trueup_worker.scheduling.__main__, trueup_worker.gateway.__main__
print(*(name for name in set(sys.modules) - before if name.split(".")[0] not in ("trueup_worker", "celery", "kombu")))
"""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() in ([], ["gc"])
