"""A batch is taken back, and what came of it is told."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import IO, Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.exc import DBAPIError

from trueup.domain.number_ranges import Range, count_of, merged, ranges_of, ranges_text
from trueup.errors import ExitCode
from trueup_worker.batch_undo.consequences import Judged
from trueup_worker.batch_undo.undo import Undone, preview_undo, undo_batch
from trueup_worker.cli.requests.batches import BatchName, batch_named
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json, emit_table, say, to_json
from trueup_worker.cli.terminal.progress import bar
from trueup_worker.cli.terminal.whole_file import whole_file

app = typer.Typer()

_LEFT_SHOWN = 10
_COLUMNS = ("commits", "archived", "archived_before", "left", "suppressed", "voided", "seconds")
_MEANING = {
    "drawn": "usage that is closed drew on it",
    "changed": "somebody changed it by hand",
    "marked": "an invoice of it is marked paid or exported",
    "invoiced": "an invoice of it is final: --void-invoices voids it",
}


@app.command()
def undo(
    ctx: typer.Context,
    batch: BatchName,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")] = False,
    void_invoices: Annotated[
        bool, typer.Option("--void-invoices", help="Void final invoices of its commits, but those that are marked.")
    ] = False,
    results: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write commit, effect, reason, invoices as JSON lines.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a batch back: nothing more of it is received, and what it made and has had no consequence is archived.

    Needs the scope operate. What has consequences is listed and left, and the command ends with 3. After a kill, the
    same command goes on. --json ends with one line.
    """
    here = session(ctx)
    began_s = time.monotonic()
    with here.transaction("operate") as (connection, caller):
        batch_id = batch_named(connection, caller, batch, is_to_change=True).id
    chosen: dict[str, Any] = {
        "account_id": caller.account_id,
        "batch_id": batch_id,
        "void_invoices": void_invoices,
    }
    with ExitStack() as stack:
        file = stack.enter_context(whole_file(results) if results else nullcontext())
        told = _Told(file, stack.enter_context(bar("judged")))
        try:
            if dry_run:
                undone = preview_undo(here.engine, **chosen, tell=told.tell)
            else:
                undone = undo_batch(here.engine, **chosen, actor=caller.key_id, tell=told.tell)
        except (KeyboardInterrupt, DBAPIError):
            if not dry_run:
                say("cut short: what was archived stays so, and the batch stays closed; the same command goes on")
            raise
    seconds = round(time.monotonic() - began_s, 3)
    emit_json(_record(undone, seconds, dry_run=dry_run)) if as_json else _show(undone, told, seconds, dry_run=dry_run)
    raise typer.Exit(ExitCode.ROWS_FAILED if undone.left else ExitCode.OK)


class _Told:
    """Commits as they were told: the first that are left, the invoices that stand in the way, all of them in a file."""

    def __init__(self, file: IO[bytes] | None, advance: Any) -> None:
        self._file, self._advance = file, advance
        self.left: list[Judged] = []
        self.in_the_way: list[Range] = []

    def tell(self, judged: Sequence[Judged]) -> None:
        self._advance(len(judged))
        for each in judged:
            if each.reason and len(self.left) < _LEFT_SHOWN:
                self.left.append(each)
            if self._file:
                self._file.write(to_json(_line(each)) + b"\n")
        numbers = ranges_of(number for each in judged if each.reason for number in each.invoices.values())
        self.in_the_way = merged([*self.in_the_way, *numbers])


def _line(judged: Judged) -> dict[str, Any]:
    return {
        "commit_id": judged.commit.id,
        "uniqueness_key": judged.commit.uniqueness_key,
        "effect": "left" if judged.reason else "archived",
        "reason": judged.reason,
        "detail": judged.detail,
        "invoices": list(judged.invoices.values()),
    }


def _record(undone: Undone, seconds: float, *, dry_run: bool) -> dict[str, Any]:
    return {
        "batch_id": undone.batch_id,
        "dry_run": dry_run,
        **_counts(undone),
        "left_by_reason": undone.left,
        "voided_invoices": undone.voided,
        "seconds": seconds,
    }


def _counts(undone: Undone) -> dict[str, int]:
    counts = {name: getattr(undone, name) for name in ("commits", "archived", "archived_before", "suppressed")}
    return counts | {"left": undone.left.total(), "voided": count_of(undone.voided)}


def _show(undone: Undone, told: _Told, seconds: float, *, dry_run: bool) -> None:
    title = "what would be done" if dry_run else "what was done"
    emit_table(_COLUMNS, [_counts(undone) | {"seconds": seconds}], title=title)
    if undone.voided:
        say(f"invoices that {'would be' if dry_run else 'are'} void: {ranges_text(undone.voided)}")
    if told.in_the_way:
        say(f"final invoices that --void-invoices would void: {ranges_text(told.in_the_way)}")
    if undone.left:
        emit_table(("reason", "commits", "meaning"), _reasons(undone.left), title="what is left, by reason")
        emit_table(("commit", "key", "why"), map(_left, told.left), title="the first that are left")
        say("archive or correct these one by one, or leave them; --results PATH lists every commit")


def _reasons(left: Counter[Any]) -> list[dict[str, Any]]:
    return [{"reason": each, "commits": count, "meaning": _MEANING[each]} for each, count in left.most_common()]


def _left(judged: Judged) -> dict[str, UUID | str | None]:
    return {"commit": judged.commit.id, "key": judged.commit.uniqueness_key, "why": judged.detail}
