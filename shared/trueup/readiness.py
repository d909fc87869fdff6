"""Readiness of a process under the Procfile runner: it makes a file that bears its name."""

import os
from pathlib import Path
from threading import Timer

READY_FOLDER_VARIABLE = "TRUEUP_READY_DIR"
PROCESS_NAME_VARIABLE = "TRUEUP_PROCESS_NAME"
_AGAIN_S = 1.0


def announce_ready() -> None:
    """Announce that this process takes work; where the disk is full, once it can. Without a runner: nothing."""
    folder, name = os.environ.get(READY_FOLDER_VARIABLE), os.environ.get(PROCESS_NAME_VARIABLE)
    if folder and name:
        try:
            Path(folder, name).touch()
        except OSError:
            later = Timer(_AGAIN_S, announce_ready)
            later.daemon = True
            later.start()
