"""Lists of any length: fetched a page at a time, cut where the user says."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from trueup.store.postgres.search_page import SearchPage
from trueup_worker.cli.terminal.output import emit_json_list, emit_table, member, say

PAGE_ROWS = 500
SHOWN_ROWS = 50

T = TypeVar("T")
P = TypeVar("P")

After = Annotated[UUID | None, typer.Option(metavar="ID", help="Only those whose id comes after this one.")]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help=f"At most N rows (else {SHOWN_ROWS}, or all of them with --json)."),
]


def every_page(fetch: Callable[..., Sequence[T]], *, limit: int | None) -> Iterator[T]:
    """The rows of all pages, up to `limit`.

    Args:
        fetch: gives the page of at most `limit` rows that come after the row with id `after`.
        limit: None for all.
    """
    return islice(_rows(fetch, size=PAGE_ROWS if limit is None else min(limit, PAGE_ROWS)), limit)


def _rows(fetch: Callable[..., Sequence[T]], *, size: int) -> Iterator[T]:
    after = None
    while page := fetch(limit=size, after=after):
        yield from page
        after = member(page[-1], "id")


def every_found(
    fetch: Callable[..., SearchPage[T, P]],
    after: P | None,
    *,
    limit: int | None,
    as_json: bool,
    go_on: Callable[[P], str],
) -> Iterator[T]:
    """Rows of a search as they are found; for people, those of a page that was searched to its end, and how to go on.

    Args:
        fetch: gives the page of at most `limit` rows that comes after the place `after`.
        after: where to begin; None: at the first.
        limit: how many are wanted.
        as_json: all are searched.
        go_on: tells, of a place, how a search goes on from there.
    """
    size = PAGE_ROWS if as_json and limit is None else min((limit or SHOWN_ROWS) + 1, PAGE_ROWS)
    while True:
        page = fetch(limit=size, after=after)
        yield from page.rows
        if page.searched_to is None:
            return
        after = page.searched_to
        if not as_json and len(page.rows) < size:
            say(f"searched to {go_on(after)}")
            return


def as_it_is(row: object) -> object:
    """All of a row is told."""
    return row


def emit_search(
    fetch: Callable[..., SearchPage[T, P]],
    columns: tuple[str, ...],
    after: P | None,
    *,
    limit: int | None,
    as_json: bool,
    told: Callable[[T], object] = as_it_is,
    shown: Callable[[Sequence[T]], Iterable[object]] | None = None,
) -> None:
    """Print what a search finds, as `emit_list`; a place as text is what `--after` takes."""
    found = every_found(
        fetch, after, limit=limit, as_json=as_json, go_on=lambda reached: f"{reached}: go on with --after {reached}"
    )
    emit_rows(found, columns, limit=limit, as_json=as_json, told=told, shown=shown)


def emit_list(
    fetch: Callable[..., Sequence[T]],
    columns: tuple[str, ...],
    *,
    limit: int | None,
    as_json: bool,
    told: Callable[[T], object] = as_it_is,
    shown: Callable[[Sequence[T]], Iterable[object]] | None = None,
) -> None:
    """Print a list as JSON or as a table of these columns; see `emit_rows`."""
    most = limit if as_json else (limit or SHOWN_ROWS) + 1
    emit_rows(every_page(fetch, limit=most), columns, limit=limit, as_json=as_json, told=told, shown=shown)


def emit_rows(
    found: Iterable[T],
    columns: tuple[str, ...],
    *,
    limit: int | None,
    as_json: bool,
    told: Callable[[T], object] = as_it_is,
    shown: Callable[[Sequence[T]], Iterable[object]] | None = None,
) -> None:
    """Print rows; no more of them are read than are printed, and one.

    Args:
        found: the rows.
        columns: of the table.
        limit: rows at most; None: all in JSON, `SHOWN_ROWS` in a table.
        as_json: whether JSON is printed.
        told: what JSON tells of a row, and the table where `shown` is left out.
        shown: what the table shows of its rows.
    """
    if as_json:
        emit_json_list(map(told, islice(found, limit)))
        return
    shown_max = limit or SHOWN_ROWS
    rows = list(islice(found, shown_max + 1))
    chosen = rows[:shown_max]
    emit_table(columns, shown(chosen) if shown else map(told, chosen))
    if len(rows) > shown_max:
        say(f"the first {shown_max}: see more with --limit, or all with --json")
