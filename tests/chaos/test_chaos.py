"""A short run of the chaos runner, and the proof that it notices what it looks for."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.faults.feed import let_relays_meet
from tests.chaos.faults.parked import replay_twice
from tests.chaos.faults.processes import kill_all_workers
from tests.chaos.faults.transactions import kill_worker_before_commit
from tests.chaos.faults.valkey import flush_valkey
from tests.chaos.lineup import ROOT, Lineup
from tests.chaos.load import Load
from tests.chaos.runner import faults_of, run, run_round
from tests.chaos.waiting import wait_for
from tests.chaos.world import FULL, open_world

WORKERS = (("bulk", "commits,commits.bulk"), ("invoices", "invoices"))
KEPT = Load(backlog=40, kept_first=200, files_first=0, kept_more=0, files_more=0)
SHORT = Load(backlog=100, kept_first=100, files_first=220, kept_more=15, files_more=25)
FILES = Load(backlog=20, kept_first=0, files_first=100, kept_more=0, files_more=0)


@pytest.fixture
def temporary_folder() -> Iterator[Path]:
    """A place for temporary files that Postgres finds when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="trueup-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.mark.timeout(900)
def test_four_rounds() -> None:
    """Four rounds of faults under a backlog break no promise."""
    run(4, seed=1, load=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_as_many_rounds_as_there_are_kinds() -> None:
    """Rounds that meet every other kind of fault break none either."""
    rounds = (len(FAULTS) + 1) // 2 - 4
    run(rounds, seed=5, load=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_mountain_is_replayed_twice() -> None:
    """A hundred thousand parked rows are replayed while workers die; the second replay finds and changes nothing."""
    run(1, seed=1, kinds=[replay_twice, kill_all_workers], load=SHORT, scale=FULL)


def test_seeds_in_a_row_meet_every_fault() -> None:
    """Whatever the first seed is, half as many rounds as there are kinds leave none out."""
    enough = (len(FAULTS) + 1) // 2
    for first in (1, 8, 60):
        assert {fault for seed in range(first, first + enough) for fault in faults_of(seed)} == set(FAULTS)


def test_every_kind_is_told_apart() -> None:
    """No two kinds of fault have the same name, and each says what it does."""
    names = [fault.__name__ for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert all(fault.__doc__ for fault in FAULTS)


def test_red_without_the_unique_index() -> None:
    """Without the unique index on uniqueness keys, some keys make two commits, and the look says so."""
    with open_world(Lineup(workers=WORKERS, producers=("files",), schedulers=1, gateways=0)) as world:
        world.run("DROP INDEX commit_account_id_uniqueness_key_key")
        report = run_round(world, 1, faults=[], load=FILES)
    assert any("one_commit_per_key" in each for each in report.violations)


@pytest.mark.slow
def test_red_without_the_sweeper() -> None:
    """Without a sweeper, what was kept and then forgotten by the broker has no outcome, and the look says so."""
    lineup = Lineup(workers=WORKERS, producers=("kept",), schedulers=1, gateways=0, scheduler="tests.chaos.no_sweeper")
    with open_world(lineup) as world:
        report = run_round(world, 1, faults=[flush_valkey], load=KEPT, recovery_s_max=10)
    assert any("has no outcome" in each for each in report.violations)


@pytest.mark.slow
def test_red_when_relays_work_at_once() -> None:
    """Without the lock that lets one relay work at a time, a reader finds places that change, and the look says so."""
    lineup = Lineup(workers=WORKERS, producers=("files",), gateways=0, scheduler="tests.chaos.unlocked_relay")
    with open_world(lineup) as world:
        report = run_round(world, 1, faults=[let_relays_meet], load=FILES)
    assert any("has the position" in each for each in report.violations)


@pytest.mark.slow
@pytest.mark.parametrize(("app", "patience_s"), [("trueup_worker.celery.app", 60), ("tests.chaos.early_ack", 10)])
def test_red_when_the_ack_comes_before_the_commit(app: str, patience_s: float) -> None:
    """A worker killed before its COMMIT loses nothing; if it acknowledged before, it does, and the look says so.

    The lease is too long for the sweeper to make up for it.
    """
    lineup = Lineup(workers=WORKERS, producers=("kept",), schedulers=1, gateways=0, app=app, lease_s=600)
    faults = [kill_worker_before_commit] * 2
    with open_world(lineup) as world:
        report = run_round(world, 1, faults=faults, load=KEPT, recovery_s_max=patience_s)
    if app == "trueup_worker.celery.app":
        assert report.violations == []
    else:
        assert any("has no outcome" in each for each in report.violations)


def test_ctrl_c_leaves_nothing_behind(temporary_folder: Path) -> None:
    """Ctrl-C, pressed twice in the middle of a round, ends the runner with 130 and everything that it started."""
    argv = [sys.executable, "-m", "tests.chaos", "--rounds", "1"]
    environ = os.environ | {"TMPDIR": str(temporary_folder)}
    runner = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
    wait_for(lambda: any(temporary_folder.glob("*/data/jobs/*")), what="a round to begin", seconds_max=60)
    assert len(started_in(temporary_folder)) > len(Lineup().names)
    for _ in range(2):
        runner.send_signal(signal.SIGINT)
    assert runner.wait(timeout=60) == 130
    assert started_in(temporary_folder) == []


def started_in(folder: Path) -> list[str]:
    """The processes that work in this folder, or were told of it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told = [process.cwd(), *process.environ().values()]
            if process.pid != os.getpid() and any(value.startswith(str(folder)) for value in told):
                found.append(process.name())
    return found
