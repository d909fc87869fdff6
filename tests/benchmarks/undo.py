"""How long a batch takes that is taken back while things die: `python -m tests.benchmarks.undo`.

The stack of `trueup up` makes a commit of each row of a file. Then `trueup batches undo` is killed with -9 when it has
done a third, and run again; when that has done another third, the server process of its transaction is killed likewise,
upon which Postgres ends all others and recovers; and run again. Told is the time of all runs together, and compared is
what is there with what one run that nobody killed would leave. Told, too, is the CPU of the whole stack meanwhile, as
the machine may be another's at the same time.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import psutil
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.acceptance.command import PROGRAM, Command
from tests.benchmarks.cpu import cpu_seconds
from tests.benchmarks.environment import Environment, data_folder, running_stack, wait_until
from tests.benchmarks.workload import Workload, write_lines

SECONDS_MAX = 60.0
_SEED = 20_261_129
_WAIT_SECONDS_MAX = 300.0
_LOOK_INTERVAL_S = 0.1
_DONE = "SELECT CAST(undo ->> 'archived' AS bigint) FROM batch WHERE undo IS NOT NULL"
_WRITER = """
    SELECT max(pid) FROM pg_locks
     WHERE relation = CAST('commit' AS regclass) AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()
"""
_TOLD = "FROM outbox, unnest(subject_ids) AS id WHERE event = 'commit.archived'"
_EXPIRED = "FROM ledger_entry WHERE reason = 'archived'"
_AUDITED = "FROM audit WHERE action = 'undo_batch'"
# Numbers that must be there: as many as there are commits, or one.
_OF_EACH = {
    "commits that are archived": "SELECT count(*) FROM commit WHERE archived_at IS NOT NULL",
    "commits told as archived": f"SELECT count(DISTINCT id) {_TOLD}",
    "tellings of commits as archived": f"SELECT count(*) {_TOLD}",
    "commits in the audit row": f"SELECT sum(CAST(after ->> 'archived' AS bigint)) {_AUDITED}",
    "segments that expired": f"SELECT count(DISTINCT segment_id) {_EXPIRED}",
    "expirations": f"SELECT count(*) {_EXPIRED}",
}
_ONCE = {
    "audit rows": f"SELECT count(*) {_AUDITED}",
    "events": "SELECT count(*) FROM outbox WHERE event = 'batch.undone'",
}


def main() -> int:
    """Measure, compare, print; 1 where it takes longer than it may, or leaves something else."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.undo", description=__doc__)
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--unharmed", action="store_true", help="kill nothing")
    chosen = parser.parse_args()
    with data_folder() as folder, running_stack(folder) as environment:
        undoing = _Undoing(environment, commits=chosen.commits)
        undoing.ingest()
        began_s, cpu_s = time.monotonic(), sum(cpu_seconds().values())
        if not chosen.unharmed:
            undoing.killed()
            undoing.robbed()
        told = undoing.run()
        seconds, cpu_s = time.monotonic() - began_s, sum(cpu_seconds().values()) - cpu_s
        differences = undoing.differences(told)
    for each in differences:
        _say(f"WRONG: {each}")
    _say(
        f"{chosen.commits:,} commits taken back in {seconds:.1f} s, with {cpu_s:.1f} s of CPU"
        f"{'   SLOW' if seconds > SECONDS_MAX else ''}"
    )
    return 1 if differences or seconds > SECONDS_MAX else 0


class _Undoing:
    """A batch of the default account that is taken back by the command."""

    def __init__(self, environment: Environment, *, commits: int) -> None:
        self._environment, self._commits = environment, commits
        self._command = Command(environment.folder.path, environment.scratch)
        self._batch = ""

    def ingest(self) -> None:
        """Make the commits, by the workers."""
        workload, path = Workload(_SEED), self._environment.scratch / "batch.jsonl"
        self._environment.load_default(workload.catalog())
        valid = (each for each in workload.requests(2 * self._commits) if each.fate == "created")
        write_lines(path, (each for each, _ in zip(valid, range(self._commits), strict=False)))
        began_s = time.monotonic()
        with self._started("ingest", "--json", str(path)) as process:
            self._batch = self._answer(process)["batch_id"]
        _say(f"ingested in {time.monotonic() - began_s:.1f} s")

    def killed(self) -> None:
        """Begin, and be killed after a third."""
        with self._started("batches", "undo", self._batch) as process:
            self._wait_for(self._commits // 3)
            process.send_signal(signal.SIGKILL)
        _say(f"killed after {self._count(_DONE):,} commits")

    def robbed(self) -> None:
        """Go on, and lose the server process of a transaction after two thirds; it may go on by itself, or give up."""
        with self._started("batches", "undo", self._batch) as process:
            self._wait_for(2 * self._commits // 3)
            wait_until(self._kill_writer, seconds_max=_WAIT_SECONDS_MAX, interval_s=0)
            process.communicate()
        wait_until(self._is_up, seconds_max=_WAIT_SECONDS_MAX)
        _say(f"ended with {process.returncode} after {self._count(_DONE):,} commits")

    def run(self) -> dict[str, Any]:
        """Run to the end; what it answers."""
        with self._started("batches", "undo", self._batch, "--json") as process:
            return self._answer(process)

    def differences(self, told: dict[str, Any]) -> list[str]:
        """What is not as one run would leave it."""
        wanted = {**dict.fromkeys(_OF_EACH, self._commits), **dict.fromkeys(_ONCE, 1)}
        found = {name: self._count(query) for name, query in {**_OF_EACH, **_ONCE}.items()}
        wrong = [f"{name}: {found[name]:,}, not {wanted[name]:,}" for name in wanted if found[name] != wanted[name]]
        if (told["archived"] + told["archived_before"], told["left"]) != (self._commits, 0):
            wrong.append(f"the command says {told}")
        began_s = time.monotonic()
        with self._started("reconcile") as process:
            said, _ = process.communicate()
        _say(f"reconciled in {time.monotonic() - began_s:.1f} s")
        return wrong if process.returncode == 0 else [*wrong, f"reconcile says {said}"]

    def _kill_writer(self) -> bool:
        with self._environment.owner.connect() as connection:
            pid = connection.scalar(text(_WRITER))
        if pid is not None:
            psutil.Process(pid).kill()
            _say("killed a process of Postgres")
        return pid is not None

    def _wait_for(self, commits: int) -> None:
        wait_until(lambda: self._count(_DONE) >= commits, seconds_max=_WAIT_SECONDS_MAX, interval_s=_LOOK_INTERVAL_S)

    def _is_up(self) -> bool:
        self._environment.owner.dispose()
        with suppress(OperationalError):
            return self._count("SELECT 1") == 1
        return False

    def _count(self, query: str) -> int:
        with self._environment.owner.connect() as connection:
            return int(connection.scalar(text(query)) or 0)

    def _started(self, *arguments: str) -> subprocess.Popen[str]:
        surroundings, cwd = self._command.surroundings(), self._command.cwd
        return subprocess.Popen([PROGRAM, *arguments], env=surroundings, cwd=cwd, stdout=subprocess.PIPE, text=True)

    def _answer(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        said, _ = process.communicate()
        assert process.returncode == 0, said
        answer: dict[str, Any] = json.loads(said)
        return answer


def _say(told: str) -> None:
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
