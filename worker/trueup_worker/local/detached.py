"""A supervisor in the background: started apart from the terminal, found and stopped by way of its data folder."""

import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.folder import AlreadyRunningError, DataFolder, State
from trueup_worker.local.servers.server import ending, lives, spawn, wait_until
from trueup_worker.local.stack import StackError, stop_left_by_killed

READY_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 90.0
_LOOK_INTERVAL_S = 0.05


def spawn_detached(folder: DataFolder, command: Sequence[str], *, environ: Mapping[str, str]) -> State:
    """Start a supervisor in the background and wait until everything answers.

    Args:
        folder: its data folder.
        command: the `trueup up` that runs in the foreground there.
        environ: its environment.

    Raises:
        FolderError: the folder cannot be used.
        StackError: it ended, or was not ready in time; the message ends with its log, `log/up.log`.
        AlreadyRunningError: another one runs there.
    """
    folder.create()
    if holder := folder.holder():
        raise AlreadyRunningError(folder.path, holder)
    log = LogFile(folder.log / "up.log")
    child = spawn(command, log=log, env=environ, stdin=subprocess.DEVNULL)

    def ended_or_ready() -> bool:
        return child.poll() is not None or _state_of(folder, child.pid) is not None

    in_time = wait_until(ended_or_ready, seconds_max=READY_SECONDS_MAX, interval_s=_LOOK_INTERVAL_S)
    if state := _state_of(folder, child.pid):
        threading.Thread(target=child.wait, daemon=True).start()  # takes note, should it end before we do
        return state
    child.terminate()
    child.wait()
    said = f"ended ({ending(child.returncode)})" if in_time else f"was not ready within {READY_SECONDS_MAX:.0f} s"
    raise StackError(f"trueup up {said}. Its log, {log.path}, ends:\n{log.tail()}")


def stop_running(folder: DataFolder) -> bool:
    """Stop the supervisor of this folder and wait until it is gone, or what a killed one left behind.

    Returns:
        Whether a supervisor was running.

    Raises:
        StackError: it does not stop.
    """
    holder = folder.holder()
    if holder is None:
        _stop_remains(folder)
        return False
    with suppress(psutil.NoSuchProcess):
        supervisor = psutil.Process(holder)
        supervisor.terminate()
        wait_until(lambda: not lives(supervisor), seconds_max=STOP_SECONDS_MAX, interval_s=_LOOK_INTERVAL_S)
    if folder.holder() == holder:
        raise StackError(
            f"process {holder} did not stop within {STOP_SECONDS_MAX:.0f} s: kill it with kill -9 {holder}"
        )
    return True


def _stop_remains(folder: DataFolder) -> None:
    if folder.run.is_dir():
        with folder.lock():
            folder.clear_state()
            stop_left_by_killed(folder)


def _state_of(folder: DataFolder, pid: int) -> State | None:
    state = folder.read_state()
    return state if state and state.pid == pid else None
