"""Many commits are changed, and told as an ingest is."""

import csv
import io
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any
from uuid import UUID

from trueup.domain.spreadsheet_text import spreadsheet_text
from trueup.errors import ExitCode
from trueup.store.requests.batch_undo import active_ids
from trueup_worker.cli.ledger.chosen_commits import Chosen, names_in
from trueup_worker.cli.requests.batches import batch_named
from trueup_worker.cli.terminal.context import Session
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit_json, emit_table, say, to_json
from trueup_worker.cli.terminal.progress import bar
from trueup_worker.cli.terminal.whole_file import whole_file
from trueup_worker.commit_changes.in_bulk import BulkRow, Change, change_each

_IDS_AT_ONCE = 500
_SHOWN = 10
_COUNTS = ("changed", "unchanged", "refused")


def change_all(here: Session, chosen: Chosen, change: Change, *, as_json: bool) -> ExitCode:
    """Change the commits of a batch or a file, and report it; `ROWS_FAILED` where some were refused."""
    caller = here.caller("operate")
    began_s, counts, refused = time.monotonic(), Counter[str](), list[BulkRow]()
    with ExitStack() as stack:
        results = stack.enter_context(whole_file(chosen.results)) if chosen.results else None
        failed = stack.enter_context(whole_file(chosen.failed)) if chosen.failed else None
        advance = stack.enter_context(bar("judged" if chosen.dry_run else "changed"))
        if failed:
            failed.write(b"commit,reason\n")
        changing = change_each(
            here.engine,
            _names(here, chosen),
            find=lambda connection, named: id_of(connection, caller, named, "commit"),
            change=change,
            dry_run=chosen.dry_run,
        )
        try:
            for row in changing:
                counts[row.outcome] += 1
                advance(1)
                _write(row, results, failed)
                if row.outcome == "refused" and len(refused) < _SHOWN:
                    refused.append(row)
        except KeyboardInterrupt:
            say(f"interrupted after {counts.total()}: what was changed stays; the same command goes on")
            raise
    told = {
        "dry_run": chosen.dry_run,
        "rows": counts.total(),
        **{name: counts[name] for name in _COUNTS},
        "seconds": round(time.monotonic() - began_s, 3),
    }
    emit_json(told) if as_json else _show(told, refused)
    return ExitCode.ROWS_FAILED if refused else ExitCode.OK


def _names(here: Session, chosen: Chosen) -> Iterator[str]:
    if chosen.file is not None:
        yield from names_in(chosen.file)
    if chosen.batch is not None:
        with here.transaction("operate") as (connection, caller):
            batch_id = batch_named(connection, caller, chosen.batch, is_to_change=True).id
        for ids in active_ids(here.engine, caller.account_id, batch_id, at_once=_IDS_AT_ONCE):
            yield from map(UUID.__str__, ids)


def _write(row: BulkRow, results: IO[bytes] | None, failed: IO[bytes] | None) -> None:
    if results:
        results.write(to_json(_line(row)) + b"\n")
    if failed and row.outcome == "refused":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow((row.named, spreadsheet_text(row.reason or "")))
        failed.write(text.getvalue().encode())


def _line(row: BulkRow) -> dict[str, Any]:
    return {
        "row": row.number,
        "commit": row.named,
        "commit_id": row.commit_id,
        "outcome": row.outcome,
        "reason": row.reason,
        "before": row.changed.before if row.changed else {},
        "after": row.changed.after if row.changed else {},
    }


def _show(told: dict[str, Any], refused: list[BulkRow]) -> None:
    title = "what would change" if told["dry_run"] else "what changed"
    emit_table(("rows", *_COUNTS, "seconds"), [told], title=title)
    if refused:
        lines = [{"row": each.number, "commit": each.named, "why": each.reason} for each in refused]
        emit_table(("row", "commit", "why"), lines, title="the first that were refused")
        say("the others went through; --failed PATH writes what was refused as a file for the next run")
