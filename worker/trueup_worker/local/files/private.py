"""Small private files: written whole or not at all, readable by their owner only."""

import os
import secrets
import tempfile
from pathlib import Path

from trueup.errors import TrueupError

_SECRET_BYTES = 32


class DamagedFile(TrueupError):
    """A file of ours does not hold what it should; the message names it and says what to do."""


def write_private(path: Path, text: str) -> None:
    """Put `text` in `path`, mode 0600: a reader finds the old text or the new one, also after a crash."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder that is ours alone, whatever the umask; as root, others may pass through it, but not list it.

    Postgres, which does not run as root, must get through to its files.
    """
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: a rename survives a power cut only after this."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def kept_secret(path: Path) -> str:
    """The secret in `path`, made of 32 random bytes (hex) on first use.

    Raises:
        DamagedFile: it is empty.
    """
    if not path.exists():
        write_private(path, secrets.token_hex(_SECRET_BYTES))
    if found := path.read_text(encoding="utf-8", errors="replace").strip():
        return found
    raise DamagedFile(f"{path} is empty, as after a full disk: bring it back from a backup")
