"""Memory of every process, and how soon the stack is up again on the folder that the benchmark filled."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from tests.benchmarks.cpu import processes
from tests.benchmarks.environment import ROOT, Environment, wait_until
from tests.benchmarks.workload import Workload, write_lines
from trueup_worker.local.folder import DataFolder

INGEST = "trueup ingest"
OURS = frozenset({INGEST, "workers", "scheduler", "gateway", "fork_server"})
_MEGABYTE = 1_000_000
_LOOK_INTERVAL_S = 5.0
_UP_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Peak:
    """Memory of the largest process of a kind, in megabytes.

    Attributes:
        rss_mb: the kernel's own high-water mark, shared pages included (Postgres: its shared buffers).
        pss_mb: the largest of many looks, shared pages divided among those who share them.
    """

    rss_mb: float = 0.0
    pss_mb: float = 0.0

    def __or__(self, other: "Peak") -> "Peak":
        return Peak(max(self.rss_mb, other.rss_mb), max(self.pss_mb, other.pss_mb))


@dataclass(frozen=True, slots=True)
class BigIngest:
    """One large file through the command, and the peak of every kind of process until then."""

    rows: int
    seconds: float
    file_mb: float
    peaks: Mapping[str, Peak]

    @property
    def largest_of_ours_mb(self) -> float:
        """RSS of the largest process that runs our code."""
        return max(peak.rss_mb for kind, peak in self.peaks.items() if kind in OURS)


def ingest_big_file(environment: Environment, workload: Workload, *, rows: int) -> BigIngest:
    """Runs `trueup ingest` on so many rows and watches every process meanwhile."""
    path = environment.scratch / "big.jsonl"
    write_lines(path, workload.requests(rows))
    peaks: dict[str, Peak] = {}
    began_s = time.perf_counter()
    with command(environment.folder, "ingest", "--json", str(path)) as ingest:
        while ingest.poll() is None:
            _look(peaks, ingest.pid)
            with suppress(subprocess.TimeoutExpired):
                ingest.wait(_LOOK_INTERVAL_S)
        seconds = time.perf_counter() - began_s
        assert ingest.stdout is not None
        summary = json.loads(ingest.stdout.read())
    decided = sum(summary[verdict] for verdict in ("created", "duplicate", "invalid"))
    assert decided == summary["rows"] == rows, summary
    size_mb = path.stat().st_size / _MEGABYTE
    path.unlink()
    return BigIngest(rows, seconds, size_mb, peaks)


def _look(peaks: dict[str, Peak], ingest_pid: int) -> None:
    for kind, process in processes():
        if process.pid != os.getpid():
            named = INGEST if process.pid == ingest_pid else kind
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                peaks[named] = peaks.get(named, Peak()) | peak_of(process.pid)


def peak_of(pid: int) -> Peak:
    """Memory of a process: the high-water mark since it began, and what it shares now."""
    return Peak(peak_rss_mb(pid), _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:") / 1e3)


def peak_rss_mb(pid: int) -> float:
    """The kernel's high-water mark of a process, in megabytes; 0 once it has ended."""
    return _kilobytes(f"/proc/{pid}/status", "VmHWM:") / 1e3


def _kilobytes(path: str, name: str) -> float:
    line = next(
        (
            line
            for line in Path(path).read_text(encoding="ascii", errors="replace").splitlines()
            if line.startswith(name)
        ),
        None,
    )
    return int(line.split()[1]) * 1.024 if line else 0.0


def time_up(folder: DataFolder) -> float:
    """Seconds from the command `trueup up` on a folder that exists until everything answers; then stops it."""
    ready = folder.path.parent / "ready.json"
    began_s = time.perf_counter()
    with command(folder, "up", "--ready-file", str(ready)) as up:
        wait_until(lambda: ready.exists() or up.poll() is not None, seconds_max=_UP_SECONDS_MAX, interval_s=0.005)
        seconds = time.perf_counter() - began_s
        assert up.poll() is None, "trueup up ended"
    return seconds


@contextmanager
def command(folder: DataFolder, *arguments: str, stdin: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the command on a data folder; it is over afterwards."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "trueup_worker.cli", *arguments],
        cwd=ROOT,
        env={**settings, "TRUEUP_DATA": str(folder.path), "PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
