"""Spool of uploads that wait for their turn: on disk, a bounded number of bytes and of files."""

import tempfile
from collections import Counter
from threading import Lock
from typing import IO, Self

from trueup_worker.gateway.http.refusals import Refusal, rate_limited, unavailable
from trueup_worker.gateway.limits import SPOOLED_FILES_MAX

_MB = 1_000_000
_AGAIN_S = 5


class Spool:
    """Counts what lies there, for threads; half of the room, at most, is one account's.

    Args:
        upload_mb: how long one upload may be.
        all_mb: how long all may be together.
    """

    def __init__(self, *, upload_mb: int, all_mb: int) -> None:
        self._upload_bytes, self._all_bytes = upload_mb * _MB, all_mb * _MB
        self._bytes, self._files = Counter[int](), Counter[int]()
        self._lock = Lock()

    def open(self, account_id: int, *, size: int) -> "Spooled":
        """Room for an upload.

        Args:
            account_id: whose it is.
            size: bytes that it says it has; 0 where it does not say.

        Raises:
            Refusal: 413: it is too long; 429: too much lies there already; 503: the disk takes nothing.
        """
        self.require_room(account_id, more=size, of=size)
        with self._lock:
            files = self._files
            if files[account_id] >= SPOOLED_FILES_MAX // 2 or files.total() >= SPOOLED_FILES_MAX:
                raise _full("too many uploads wait for their turn")
            files[account_id] += 1
        try:
            return Spooled(self, account_id)
        except BaseException:
            self.release(account_id, 0)
            raise

    def require_room(self, account_id: int, *, more: int, of: int) -> None:
        """Raise as `open` unless so many bytes more find room, of an upload that has so many then."""
        if of > self._upload_bytes:
            mb = self._upload_bytes // _MB
            raise Refusal(413, "invalid_request", f"an upload may have {mb} MB: send it in parts, or gzipped")
        with self._lock:
            if self._bytes[account_id] + more > self._all_bytes // 2:
                raise _full("this account's uploads that wait for their turn take all its room")
            if self._bytes.total() + more > self._all_bytes:
                raise _full("the uploads that wait for their turn take all the room")

    def charge(self, account_id: int, size: int) -> None:
        """So many bytes are there."""
        with self._lock:
            self._bytes[account_id] += size

    def release(self, account_id: int, size: int) -> None:
        """A file of so many bytes is gone."""
        with self._lock:
            self._bytes[account_id] -= size
            self._files[account_id] -= 1
            for counts in (self._bytes, self._files):
                if not counts[account_id]:
                    del counts[account_id]


class Spooled:
    """One upload, in a file without a name, which ends with the process; its room is free when it is closed."""

    def __init__(self, spool: Spool, account_id: int) -> None:
        self._spool, self._account_id, self.size = spool, account_id, 0
        self._file: IO[bytes] | None = None
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise unavailable("the disk for uploads") from error

    def write(self, part: bytes) -> None:
        """Add a part; raises as `Spool.open`."""
        assert self._file is not None
        self._spool.require_room(self._account_id, more=len(part), of=self.size + len(part))
        self._spool.charge(self._account_id, len(part))
        self.size += len(part)
        try:
            self._file.write(part)
            self._file.flush()
        except OSError as error:
            raise unavailable("the disk for uploads") from error

    def fileno(self) -> int:
        """File descriptor."""
        assert self._file is not None
        return self._file.fileno()

    def close(self) -> None:
        """Forget it; harmless when that was done."""
        file, self._file = self._file, None
        if file is not None:
            self._spool.release(self._account_id, self.size)
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _full(message: str) -> Refusal:
    return rate_limited(f"{message}: send it again later", retry_after_s=_AGAIN_S)
