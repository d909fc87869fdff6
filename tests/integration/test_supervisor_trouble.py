"""A supervisor goes on, whatever it cannot do at a moment and whoever does not read what it prints."""

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from io import StringIO
from pathlib import Path

import psutil
import pytest

from tests.integration.test_local_stack import make_runner
from trueup_worker.local import runner as runner_module
from trueup_worker.local.servers.server import wait_until

TWO = "first: exec sleep 300\nsecond: exec sleep 300\n"
PATIENCE_S = 20
PRINTS = """
import sys
from trueup_worker.local.console import Console
from trueup_worker.startup.log_output import LogOutput
console = Console(LogOutput(2))
for number in range(10_000):
    console.say(f"line {number}")
print("said it all", flush=True)
"""


def test_what_cannot_be_done_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without room for another process one is told about once, the others are seen to, and later it is started."""
    printed = StringIO()
    runner = make_runner(TWO, tmp_path, printed)
    first, second = runner.processes

    def nothing(*_: object) -> None:
        raise psutil.AccessDenied(1)

    try:
        with monkeypatch.context() as patched:
            patched.setattr(runner_module.Runner, "_launch", no_room_for(first.name, runner_module.Runner._launch))
            runner.tend()
            assert (first.child, second.child is not None) == (None, True)
            assert "first.1 ended (" in printed.getvalue()
            assert second.child is not None
            second.child.send_signal(9)
            patched.setattr(runner_module, "_members", nothing)
            assert wait_until(lambda: tended(runner, printed, "second.1 cannot be seen to"), seconds_max=PATIENCE_S)
            runner.tend()
            assert printed.getvalue().count("second.1 cannot be seen to") == 1
        assert wait_until(lambda: runs_again(runner), seconds_max=PATIENCE_S)
    finally:
        runner.stop()


def no_room_for(name: str, launch: object) -> object:
    """A way to launch processes that fails for one of them."""

    def launched(self: object, process: runner_module.Supervised) -> object:
        if process.name == name:
            raise OSError(11, "Resource temporarily unavailable")
        return launch(self, process)  # type: ignore[operator]

    return launched


def tended(runner: runner_module.Runner, printed: StringIO, said: str) -> bool:
    """Whether this was said, after one more look."""
    runner.tend()
    return said in printed.getvalue()


def runs_again(runner: runner_module.Runner) -> bool:
    """Whether all processes run, after one more look."""
    runner.tend()
    return all(process.child and process.child.poll() is None for process in runner.processes)


def test_a_terminal_that_nobody_reads() -> None:
    """What is printed there is lost, and holds nobody up."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4_096)
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b".")
    os.set_blocking(writer, True)
    argv = [sys.executable, "-c", PRINTS]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=writer, text=True, timeout=60, check=True)
    assert done.stdout == "said it all\n"
    os.close(reader)
    os.close(writer)
