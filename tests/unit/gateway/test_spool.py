"""How much uploads may take on disk before it is their turn."""

import asyncio
import gc
from collections.abc import Callable
from threading import Event
from typing import Any, cast

import pytest

from tests.integration.intake import settings_of
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.limits import SPOOLED_FILES_MAX
from trueup_worker.gateway.services import Gateway
from trueup_worker.gateway.uploads.spool import Spool, Spooled
from trueup_worker.gateway.uploads.upload import Upload

MB = b"x" * 1_000_000


def refused(call: Callable[[], object]) -> tuple[int, bool]:
    """With which status, and whether it says when to come again."""
    with pytest.raises(Refusal) as refusal:
        call()
    return refusal.value.status_code, "retry-after" in (refusal.value.headers or {})


def test_one_upload() -> None:
    """It is too long as soon as it says so, or turns out to be."""
    spool = Spool(upload_mb=2, all_mb=100)
    assert refused(lambda: spool.open(1, size=2_000_001)) == (413, False)
    with spool.open(1, size=0) as upload:
        upload.write(MB)
        upload.write(MB)
        assert refused(lambda: upload.write(b"x")) == (413, False)


def test_all_uploads() -> None:
    """An account has half of the room, all have the whole; what is closed, or given up, makes room again."""
    spool = Spool(upload_mb=2, all_mb=4)
    uploads = [spool.open(account_id, size=0) for account_id in (1, 1, 2)]
    for upload in uploads:
        upload.write(MB)
    assert refused(lambda: spool.open(1, size=1)) == (429, True)
    assert refused(lambda: uploads[0].write(b"x")) == (429, True)
    uploads.append(spool.open(3, size=1_000_000))
    uploads[-1].write(MB)
    assert refused(lambda: uploads[2].write(b"x")) == (429, True)
    uploads.pop(0).close()
    uploads[1].write(b"x")
    uploads.clear()
    del upload
    gc.collect()
    assert_empty(spool)


def test_how_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty ones count, too: each is a file."""
    spool = Spool(upload_mb=1, all_mb=4)
    mine = [spool.open(1, size=0) for _ in range(SPOOLED_FILES_MAX // 2)]
    assert refused(lambda: spool.open(1, size=0)) == (429, True)
    others: list[Spooled] = [spool.open(2, size=0) for _ in range(SPOOLED_FILES_MAX // 2)]
    assert refused(lambda: spool.open(3, size=0)) == (429, True)
    for each in (*mine, *others):
        each.close()
        each.close()
    assert_empty(spool)
    monkeypatch.setattr("trueup_worker.gateway.uploads.spool.tempfile.TemporaryFile", no_file)
    assert refused(lambda: spool.open(1, size=0)) == (503, True)
    assert_empty(spool)


def test_a_disk_that_is_full() -> None:
    """503, and the room is free again."""
    spool = Spool(upload_mb=2, all_mb=4)
    with open("/dev/full", "wb", buffering=0) as full, spool.open(1, size=0) as upload:  # noqa: PTH123
        assert upload._file is not None
        upload._file.close()
        upload._file = full
        assert refused(lambda: upload.write(MB)) == (503, True)
    assert_empty(spool)


def no_file() -> None:
    """No temporary file can be had."""
    raise OSError(28, "no space left on device")


def assert_empty(spool: Spool) -> None:
    """Nothing is counted any more."""
    assert (spool._bytes, spool._files) == ({}, {})


def test_an_upload_that_never_had_its_turn() -> None:
    """Its room is free as soon as its call is answered."""

    async def run() -> None:
        settings = settings_of(http_database_s=0.05, http_uploads=1)
        gateway = Gateway(settings)
        over = Event()
        gateway._uploading._pool.submit(over.wait, 20)
        upload = Upload(gateway.spool.open(1, size=0), "jsonl", "commit", None, new=False)
        taking = asyncio.create_task(gateway.take_upload(cast("Any", None), upload))
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        assert_empty(gateway.spool)
        over.set()
        gateway._close()

    asyncio.run(run())
