"""Lists of any length: fetched a page at a time, cut where the user says."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated

import typer

from trueup_worker.cli.terminal.output import Record, emit_json_list, emit_table, say

PAGE_ROWS = 500
SHOWN_ROWS = 50

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help=f"At most N rows (else {SHOWN_ROWS}, or all of them with --json)."),
]


def every_page(fetch: Callable[..., list[Record]], *, limit: int | None) -> Iterator[Record]:
    """The rows of all pages, up to `limit`.

    Args:
        fetch: gives the page of at most `limit` rows that come after the row with id `after`.
        limit: None for all.
    """
    return islice(_rows(fetch, size=PAGE_ROWS if limit is None else min(limit, PAGE_ROWS)), limit)


def _rows(fetch: Callable[..., list[Record]], *, size: int) -> Iterator[Record]:
    after = None
    while page := fetch(limit=size, after=after):
        yield from page
        after = page[-1]["id"]


def emit_list(
    fetch: Callable[..., list[Record]], columns: tuple[str, ...], *, limit: int | None, as_json: bool
) -> None:
    """Prints a list as JSON (with every entry of each row) or as a table of these columns."""
    if as_json:
        emit_json_list(every_page(fetch, limit=limit))
        return
    shown_max = limit or SHOWN_ROWS
    rows = list(every_page(fetch, limit=shown_max + 1))
    emit_table(columns, rows[:shown_max])
    if not rows:
        say("nothing found")
    elif len(rows) > shown_max:
        say(f"the first {shown_max}: see more with --limit, or all with --json")
