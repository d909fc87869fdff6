"""`python -m trueup_worker.local.fork_server`: imports once what all processes need, and forks them when told to.

Imports are most of a start. What is wanted comes as JSON lines on stdin, `{"argv", "environ", "log"}`; what became of
it goes as JSON lines to stdout: `{"started": pid}`, and `{"ended": pid, "code": …}` later. The end of stdin ends it;
what it forked stays.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from trueup.readiness import PROCESS_NAME_VARIABLE
from trueup_worker.local.files.logs import open_log
from trueup_worker.local.fork_server.preload import preload

_ORDERS, _REPORTS = 0, 1  # stdin and stdout
_CHUNK = 65_536


def main() -> None:
    """Fork until nobody wants anything any more."""
    _call_it("fork_server")
    preload()
    gc.collect()
    gc.freeze()  # so that no collector copies the pages that all children share
    bell, ringer = os.pipe()
    for end in (bell, ringer):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
    unread = b""
    while True:
        ready, _, _ = select.select([_ORDERS, bell], [], [])
        if bell in ready:
            os.read(bell, _CHUNK)
            _report_ended()
        if _ORDERS in ready:
            if not (told := os.read(_ORDERS, _CHUNK)):
                return
            *lines, unread = (unread + told).split(b"\n")
            for line in lines:
                _fork(json.loads(line))


def _fork(wanted: dict[str, Any]) -> None:
    if pid := os.fork():
        _tell({"started": pid})
    else:
        _become(wanted["argv"], wanted["environ"], wanted["log"])


def _report_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(what: dict[str, Any]) -> None:
    os.write(_REPORTS, json.dumps(what).encode() + b"\n")


def _become(argv: Sequence[str], environ: dict[str, str], log: str) -> NoReturn:
    """Run a module as `python -m` does, in a session, an environment and with outputs of its own."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _redirect(log)
        os.environ.clear()
        os.environ.update(environ)
        _call_it(environ.get(PROCESS_NAME_VARIABLE) or argv[0])
        code = _run(argv)
    except BaseException:  # noqa: BLE001 (nothing may get back into the loop)
        with suppress(Exception):
            traceback.print_exc()
    finally:
        os._exit(code)


def _call_it(name: str) -> None:
    """Name this process for `top` and `ps -e`, where the kernel allows it: all forks share one command line."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"trueup-{name}", encoding="utf-8")


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = open_log(log)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)


def _run(argv: Sequence[str]) -> int:
    try:
        sys.argv = list(argv)
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return _code(end)
    except BaseException:  # noqa: BLE001 (as the interpreter would)
        with suppress(Exception):
            traceback.print_exc()
        return 1
    finally:  # what the interpreter does at its end, and os._exit does not
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
    return 0


def _code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


if __name__ == "__main__":
    main()
