"""The data folder: everything that an embedded stack keeps, and who runs it.

Layout: `postgres/` and `valkey/` (the services' own), `log/`, `tokens/<account>`, `admin_token` (the installation's),
`secret_key`, and `run/` with what is true only while a supervisor lives: `lock`, `state.json`, `ready/<process>`.

Whether a supervisor lives is asked of the lock, which the kernel drops with its holder: neither a process id that was
given to another process nor a clock that was set can mislead.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from trueup.errors import TrueupError
from trueup_worker.local.files.private import kept_secret, make_folder, write_private
from trueup_worker.local.servers.server import wait_until

_LOCK_SECONDS_MAX = 0.5  # outlasts those who only look whether the folder is in use


class FolderError(TrueupError):
    """The data folder cannot be used; the message says why and what to do."""


class AlreadyRunningError(TrueupError):
    """Another supervisor runs in this data folder."""

    def __init__(self, folder: Path, holder: int | None) -> None:
        super().__init__(
            f"trueup is already running on {folder} (process {holder}): "
            "stop it with trueup down, or choose another folder with --data"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """State of a running stack: the supervisor's process id, and the URLs (with passwords) of its services.

    Attributes:
        http: of the gateway; None where none runs.
    """

    pid: int
    database: str = field(repr=False)
    redis: str = field(repr=False)
    broker: str = field(repr=False)
    http: str | None = None

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "State":
        """Read what `to_json` wrote.

        Raises:
            ValueError: this is something else, or only part of it.
        """
        try:
            state = cls(**json.loads(text))
            assert isinstance(state.pid, int)
        except (TypeError, AssertionError):
            raise ValueError("it has other entries than it should") from None
        return state


class DataFolder:
    """The data folder at `path`. Nothing is made before `create`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.log = self.path / "log"
        self.tokens = self.path / "tokens"
        self.admin_token_file = self.path / "admin_token"
        self.run = self.path / "run"
        self.ready = self.run / "ready"
        self._lock = self.run / "lock"
        self._state = self.run / "state.json"

    def create(self) -> None:
        """Make the folder and its parts where they are missing.

        Raises:
            FolderError: it is a file, or cannot be written.
        """
        try:
            for folder in (self.path, self.log, self.tokens, self.run, self.ready):
                make_folder(folder)
            probe = self.run / f"writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise FolderError(
                f"the data folder {self.path} cannot be used: {error.strerror} ({error.filename}). "
                "Choose another with --data or TRUEUP_DATA"
            ) from error

    def secret_key(self) -> str:
        """The key that encrypts what is secret in the database; made on first use."""
        return kept_secret(self.path / "secret_key")

    def token(self, account: str) -> str | None:
        """The token kept for this account, if any."""
        return _read(self.token_file(account))

    def keep_token(self, account: str, token: str) -> None:
        """Keep a token for this account, mode 0600."""
        write_private(self.token_file(account), f"{token}\n")

    def admin_token(self) -> str | None:
        """The token kept for the installation, if any."""
        return _read(self.admin_token_file)

    def keep_admin_token(self, token: str) -> None:
        """Keep a token for the installation, mode 0600."""
        write_private(self.admin_token_file, f"{token}\n")

    def token_file(self, account: str) -> Path:
        """File with the token of an account."""
        return self.tokens / quote(account, safe="").replace(".", "%2E")  # no name leads out of the folder

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder: nobody else starts anything in it meanwhile.

        Raises:
            AlreadyRunningError: somebody else holds it; the message names the process.
            FolderError: the folder cannot be used.
        """
        self.create()
        with os.fdopen(os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
            self._lock.chmod(0o600)  # whoever may open it could hold it; an earlier build let everybody
            if not wait_until(lambda: _try_lock(file, fcntl.LOCK_EX), seconds_max=_LOCK_SECONDS_MAX):
                raise AlreadyRunningError(self.path, self.holder())
            self.clear_state()  # of a supervisor that was killed
            os.pwrite(file.fileno(), b"%-20d" % os.getpid(), 0)  # at once, over what stood there: no half of a number
            os.truncate(file.fileno(), 20)
            yield

    def holder(self) -> int | None:
        """The process id of the supervisor that runs in this folder; none when none does.

        Raises:
            FolderError: one does, and its lock does not name it.
        """
        if not self._lock.exists():
            return None
        with self._lock.open(encoding="utf-8") as file:
            if _try_lock(file, fcntl.LOCK_SH):
                return None
            wait_until(lambda: _whole(file).isdecimal(), seconds_max=_LOCK_SECONDS_MAX)  # it may be about to say it
            said = _whole(file)
        if not said.isdecimal():
            raise FolderError(
                f"a supervisor runs in {self.path}, and {self._lock} does not name it: find it with "
                f"`fuser {self._lock}`, end it with kill, then start anew with `trueup up`"
            )
        return int(said)

    def write_state(self, state: State) -> None:
        """Write that everything answers (mode 0600, whole or not at all)."""
        write_private(self._state, state.to_json())

    def clear_state(self) -> None:
        """Remove the state: nothing runs."""
        self._state.unlink(missing_ok=True)

    def read_state(self) -> State | None:
        """State of what runs in this folder; None when nothing does, or not yet.

        Raises:
            FolderError: something does, and its file is damaged.
        """
        holder = self.holder()
        if holder is None or (said := _read(self._state)) is None:
            return None
        try:
            state = State.from_json(said)
        except ValueError as error:
            raise FolderError(
                f"{self._state} is damaged ({error}): `trueup down`, then `trueup up`, writes it anew; no data is lost"
            ) from None
        return state if state.pid == holder else None


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()


def _read(path: Path) -> str | None:
    """Read a small file, without white space around it; None when there is no such file."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return None


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
