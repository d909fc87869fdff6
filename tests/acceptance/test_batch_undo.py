"""`trueup batches undo` as an operator meets it: killed in the middle, and while the file is still being sent."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.processes import wait_for
from tests.acceptance.test_ingest import batch_file, commits_of, ingesting, urls

__all__ = ["urls"]  # a fixture
ONCE = (
    "SELECT count(*) FROM audit WHERE action = 'undo_batch' AND subject = %s",
    "SELECT count(*) FROM outbox WHERE event = 'batch.undone' AND CAST(%s AS uuid) = ANY(subject_ids)",
)
TOLD = """
    SELECT count(DISTINCT c.id) || ' commits, ' || count(*) || ' times'
      FROM outbox AS o CROSS JOIN LATERAL unnest(o.subject_ids) AS told (id) JOIN commit AS c ON c.id = told.id
     WHERE o.event = 'commit.archived' AND c.batch_id = %s
"""


@contextmanager
def undoing(stack: Command, batch: str) -> Iterator[subprocess.Popen[bytes]]:
    """`trueup batches undo BATCH` in the background."""
    process = subprocess.Popen([PROGRAM, "batches", "undo", batch], env=stack.surroundings(), cwd=stack.cwd)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def active_of(urls: dict[str, str], batch: str) -> int:
    """How many commits of the batch are in use."""
    return int(asked(urls, "SELECT count(*) FROM commit WHERE batch_id = %s AND archived_at IS NULL", batch))


def asked(urls: dict[str, str], query: str, batch: str) -> Any:
    """What the database says of a batch."""
    with psycopg.connect(urls["database"]) as connection:
        (found,) = connection.execute(query, (batch,)).fetchone() or (None,)
        return found


@pytest.mark.slow
def test_killed_it_goes_on(stack: Command, urls: dict[str, str], tmp_path: Path) -> None:
    """Killed in the middle and run again, it ends as if nobody had killed it; the file comes back under new keys."""
    rows = 6_000
    file = batch_file(tmp_path, name="killed", rows=rows)
    batch = stack.ok("ingest", "--json", file).json()["batch_id"]
    with undoing(stack, batch) as process:
        wait_for(lambda: active_of(urls, batch) < rows, what="a group that is archived")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert active_of(urls, batch) > 0
    assert stack.ok("batches", "show", batch, "--json").json()["state"] == "undoing"
    told = stack.ok("batches", "undo", batch, "--json").json()
    assert (told["commits"], told["archived"], told["archived_before"], told["left"]) == (rows, rows, 0, 0)
    assert [asked(urls, each, batch) for each in ONCE] == [1, 1]
    assert asked(urls, TOLD, batch) == f"{rows} commits, {rows} times"
    again = stack("ingest", file)
    assert (again.code, "--new --key-suffix" in again.stderr) == (3, True)
    anew = stack.ok("ingest", "--json", "--key-suffix", "-r2", file).json()
    assert (anew["created"], anew["duplicate"], commits_of(urls, "killed")) == (rows, 0, 2 * rows)
    stack.ok("reconcile")


@pytest.mark.slow
def test_undone_while_it_is_sent(stack: Command, urls: dict[str, str], tmp_path: Path) -> None:
    """Whatever of the file is made before is archived, whatever comes after is refused, and the sender is told."""
    rows = 60_000
    file = batch_file(tmp_path, name="sent", rows=rows)
    with ingesting(stack, file) as sender:
        find = "SELECT max(CAST(id AS text)) FROM batch WHERE source LIKE '%%' || %s"
        batch = wait_for(lambda: asked(urls, find, file.name), what="the batch")
        wait_for(lambda: commits_of(urls, "sent"), what="the first commits")
        undone = stack.ok("batches", "undo", batch, "--json").json()
        sender.communicate(timeout=120)
        assert sender.returncode == 3
    created = commits_of(urls, "sent")
    assert (undone["archived"], active_of(urls, batch)) == (created, 0)
    shown = stack.ok("batches", "show", batch, "--json").json()
    assert (shown["state"], shown["outcomes"]["created"], shown["outcomes"]["invalid"]) == (
        "undone",
        created,
        rows - created,
    )
    assert created < rows
    stack.ok("reconcile")
