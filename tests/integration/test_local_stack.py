"""The whole stack under its supervisor, with a small Procfile: readiness, deaths, stops."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import redis
from sqlalchemy import make_url

from tests.folders import servers_folder
from trueup_worker.local.backoff import DELAY_SECONDS_MAX, Backoff
from trueup_worker.local.console import Console
from trueup_worker.local.detached import spawn_detached, stop_running
from trueup_worker.local.external import UnreachableError, check_external
from trueup_worker.local.folder import AlreadyRunningError, DataFolder, State
from trueup_worker.local.runner import Runner
from trueup_worker.local.servers.postgres import SUPERUSER
from trueup_worker.local.servers.server import free_port, lives, wait_until
from trueup_worker.local.services import Services
from trueup_worker.local.stack import StackError

PROCFILE = """\
worker: echo $$ >> "$TRUEUP_DATA/worker.pids"; touch "$TRUEUP_READY_DIR/$TRUEUP_PROCESS_NAME"; sleep 300
scheduler: touch "$TRUEUP_READY_DIR/$TRUEUP_PROCESS_NAME" && sleep 300
"""
SUPERVISOR = """\
import os, sys
from pathlib import Path
from trueup_worker.local.console import Console
from trueup_worker.local.folder import DataFolder
from trueup_worker.local.stack import Stack

def prepare(environ):
    print("prepared", environ["TRUEUP_SECRET_KEY"] == folder.secret_key(), flush=True)

folder = DataFolder(Path(sys.argv[1]))
with folder.lock():
    stack = Stack(folder, os.environ, procfile=sys.argv[2], prepare=prepare, console=Console(sys.stdout))
    stack.run(lambda state: print("ready", flush=True))
"""
PATIENCE_S = 20


@pytest.fixture(scope="module")
def folder() -> Iterator[DataFolder]:
    """A data folder that one test leaves to the next: making the database files is most of a start."""
    with servers_folder() as place:
        folder = DataFolder(place / "data")
        yield folder
        stop_running(folder)


@contextmanager
def supervised(folder: DataFolder, procfile: str = PROCFILE) -> Iterator[subprocess.Popen[str]]:
    """A supervisor that says it is ready, for the length of a block."""
    argv = command(folder, procfile)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as supervisor:
        assert supervisor.stdout
        try:
            assert "ready\n" in iter(supervisor.stdout.readline, "")
            yield supervisor
        finally:
            supervisor.terminate()
            supervisor.communicate()


def command(folder: DataFolder, procfile: str = PROCFILE) -> list[str]:
    """What runs a supervisor in the foreground."""
    return [sys.executable, "-c", SUPERVISOR, str(folder.path), procfile]


def state_of(folder: DataFolder) -> State:
    """What runs, which must be something."""
    state = folder.read_state()
    assert state
    return state


def belongings(folder: DataFolder) -> list[psutil.Process]:
    """Every process that lives in the folder or has it in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            in_it = Path(process.cwd()).is_relative_to(folder.path)
            if in_it or process.environ().get("TRUEUP_DATA") == str(folder.path):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return [process for process in found if lives(process)]


def as_superuser(folder: DataFolder, state: State) -> str:
    """The URL of the database for the superuser, who alone makes tables of no schema of ours."""
    password = (folder.postgres / "password").read_text()
    url = make_url(state.database).set(username=SUPERUSER, password=password)
    return url.render_as_string(hide_password=False)


def answers(url: str) -> bool:
    """Whether the database answers."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def server_named(folder: DataFolder, name: str) -> psutil.Process:
    """The service's first process."""
    named = [process for process in belongings(folder) if process.name() == name]
    return min(named, key=lambda process: (process.create_time(), process.pid))


def test_a_stop_leaves_no_process_and_all_data(folder: DataFolder) -> None:
    """What runs is told while it runs; SIGTERM, even twice, ends all of it, and the data is there the next time."""
    with supervised(folder) as supervisor:
        state = state_of(folder)
        assert state.pid == supervisor.pid
        with psycopg.connect(as_superuser(folder, state)) as connection:
            connection.execute("CREATE TABLE kept ()")
        with redis.Redis.from_url(state.broker) as broker, redis.Redis.from_url(state.redis) as cache:
            broker.set("kept", 1)
            assert cache.get("kept") is None
        supervisor.send_signal(signal.SIGTERM)
        supervisor.send_signal(signal.SIGTERM)
        supervisor.communicate(timeout=PATIENCE_S)
        assert supervisor.returncode == 0
    assert belongings(folder) == []
    assert folder.read_state() is None
    with supervised(folder), psycopg.connect(as_superuser(folder, state_of(folder))) as connection:
        assert connection.execute("SELECT FROM kept").rowcount == 0


def test_whatever_dies_is_started_again(folder: DataFolder) -> None:
    """Kill -9 of a process, of Postgres and of Valkey: each comes back, the services under the same URLs."""
    with supervised(folder) as supervisor:
        state, pids = state_of(folder), folder.path / "worker.pids"
        seen = len(pids.read_text().split())
        os.kill(int(pids.read_text().split()[-1]), signal.SIGKILL)
        assert wait_until(lambda: len(pids.read_text().split()) > seen, seconds_max=PATIENCE_S)
        server_named(folder, "postgres").kill()
        server_named(folder, "valkey-server").kill()
        await_lines(supervisor, "Postgres answers again", "Valkey answers again")
        assert answers(state.database)
        assert state_of(folder) == state


def test_what_a_killed_supervisor_left_ends_with_the_next(folder: DataFolder) -> None:
    """After kill -9 of the supervisor nothing claims to run, and the next start stops the orphans first."""
    with supervised(folder) as supervisor:
        orphans = belongings(folder)
        supervisor.kill()
        supervisor.wait()
        assert folder.read_state() is None
        assert any(map(lives, orphans))
    with supervised(folder) as supervisor:
        assert not any(lives(orphan) for orphan in orphans if orphan.pid != supervisor.pid)


def test_in_the_background_it_is_found_by_its_folder(folder: DataFolder) -> None:
    """A detached start returns when everything answers; a second one is refused; a stop waits until all is gone."""
    state = spawn_detached(folder, command(folder), environ=os.environ)
    assert folder.read_state() == state
    assert answers(state.database)
    with pytest.raises(AlreadyRunningError, match=str(state.pid)):
        spawn_detached(folder, command(folder), environ=os.environ)
    assert stop_running(folder)
    assert belongings(folder) == []
    assert not stop_running(folder)


def test_a_stop_ends_what_a_killed_supervisor_left(folder: DataFolder) -> None:
    """`down` after kill -9 of the supervisor says that nothing ran, and leaves no orphan."""
    with supervised(folder) as supervisor:
        supervisor.kill()
        supervisor.wait()
        assert not stop_running(folder)
        assert belongings(folder) == []


def test_a_process_that_keeps_dying_ends_the_start(folder: DataFolder) -> None:
    """A start in which a process dies again and again is given up, with the end of that process's log."""
    procfile = f"{PROCFILE}broken: echo no such thing; exit 3\n"
    with pytest.raises(StackError, match=r"(?s)broken.1 keeps dying.*no such thing"):
        spawn_detached(folder, command(folder, procfile), environ=os.environ)
    assert belongings(folder) == []


def test_a_stop_while_starting_is_clean(folder: DataFolder) -> None:
    """SIGINT before everything is ready ends what was started."""
    with subprocess.Popen(command(folder, "worker: sleep 300"), stdout=subprocess.PIPE, text=True) as supervisor:
        await_lines(supervisor, "prepared True")
        supervisor.send_signal(signal.SIGINT)
        supervisor.communicate(timeout=PATIENCE_S)
        assert supervisor.returncode == 0
    assert belongings(folder) == []


def test_services_that_run_elsewhere_are_used(folder: DataFolder) -> None:
    """No service of ours starts when the settings name all three; the cache alone still leaves us the broker."""
    given = {"TRUEUP_DATABASE_URL": "postgresql://a", "TRUEUP_REDIS_URL": "redis://b/1"}
    services = Services(folder, given, console=Console(StringIO()))
    services.start()
    try:
        urls = services.urls()
        assert urls | given == urls
        assert urls["TRUEUP_BROKER_URL"].endswith("/0")
    finally:
        services.stop()
    given["TRUEUP_BROKER_URL"] = "amqp://c"
    services = Services(folder, given, console=Console(StringIO()))
    services.start()
    assert services.urls() == given
    assert belongings(folder) == []


def test_services_out_of_reach_are_named_all_at_once() -> None:
    """Each setting whose service does not answer is named with host and port, and without its password."""
    environ = {
        "TRUEUP_DATABASE_URL": f"postgresql://me:hush@127.0.0.1:{free_port()}/x",
        "TRUEUP_BROKER_URL": f"amqp://me:hush@127.0.0.1:{free_port()}//",
        "TRUEUP_REDIS_URL": f"redis://:hush@127.0.0.1:{free_port()}/1",
    }
    with pytest.raises(UnreachableError) as caught:
        check_external(environ)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == list(environ)
    assert all(
        f"no service answers at {urlsplit(url).netloc.rpartition('@')[2]}" in str(caught.value)
        for url in environ.values()
    )
    assert "hush" not in str(caught.value)


def test_one_that_ignores_the_stop_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """SIGTERM, a while, SIGKILL: neither the process nor its children outlive the stop."""
    procfile = (
        "stubborn: trap '' TERM; (trap '' TERM; sleep 300 & wait) & touch $TRUEUP_READY_DIR/stubborn.1; sleep 300; wait"
    )
    runner = make_runner(procfile, tmp_path)
    assert wait_until(lambda: tended(runner), seconds_max=PATIENCE_S)
    (process,) = runner.processes
    assert process.child
    family = psutil.Process(process.child.pid).children(recursive=True)
    assert len(family) >= 2
    runner.stop(grace_s=0.3)
    assert not any(map(lives, family))


def test_a_restarted_process_must_say_again_that_it_is_ready(tmp_path: Path) -> None:
    """Readiness belongs to a life, not to a name; what it wrote is printed behind its name."""
    printed = StringIO()
    procfile = "once: echo hello; mkdir $TRUEUP_READY_DIR/../first && touch $TRUEUP_READY_DIR/once.1; sleep 300"
    runner = make_runner(procfile, tmp_path, printed)
    try:
        assert wait_until(lambda: tended(runner), seconds_max=PATIENCE_S)
        (process,) = runner.processes
        assert process.child
        process.child.kill()
        assert wait_until(lambda: not tended(runner), seconds_max=PATIENCE_S)
        assert wait_until(
            lambda: not tended(runner) and printed.getvalue().count("| hello") == 2, seconds_max=PATIENCE_S
        )
        assert "once.1 ended (killed by SIGKILL); starting it again in 0.1 s" in printed.getvalue()
    finally:
        runner.stop()


def test_delays_between_restarts_grow_up_to_a_bound() -> None:
    """Whoever keeps dying waits longer each time; whoever lived for a while starts quickly again."""
    backoff = Backoff()
    delays = [backoff.failed(0.0) for _ in range(12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == DELAY_SECONDS_MAX
    assert not backoff.is_due(29.0)
    assert backoff.failed(100.0) == 0.1


def await_lines(supervisor: subprocess.Popen[str], *wanted: str) -> None:
    """Reads what the supervisor prints until every wanted text has appeared."""
    assert supervisor.stdout
    missing = set(wanted)
    while missing:
        line = supervisor.stdout.readline()
        assert line, f"it ended without saying {missing}"
        missing = {text for text in missing if text not in line}


def make_runner(procfile: str, folder: Path, printed: StringIO | None = None) -> Runner:
    """A runner without services."""
    (folder / "ready").mkdir()
    return Runner(
        procfile,
        concurrency={},
        environ=os.environ,
        log_folder=folder,
        ready_folder=folder / "ready",
        console=Console(printed or StringIO()),
    )


def tended(runner: Runner) -> bool:
    """Gives the runner a turn; whether all are ready."""
    runner.tend()
    return runner.is_ready()
