"""How a process under the Procfile runner says that it takes work: it makes a file that bears its name."""

import os
from pathlib import Path

READY_FOLDER_VARIABLE = "TRUEUP_READY_DIR"
PROCESS_NAME_VARIABLE = "TRUEUP_PROCESS_NAME"


def announce_ready() -> None:
    """Says that this process takes work. Does nothing where no runner listens."""
    folder, name = os.environ.get(READY_FOLDER_VARIABLE), os.environ.get(PROCESS_NAME_VARIABLE)
    if folder and name:
        Path(folder, name).touch()
