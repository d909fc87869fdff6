"""Rates of `trueup ingest` by the form of its file: `python -m tests.benchmarks.ingest_files`.

The same requests as JSONL, as a report of opportunities with its mapping, as CSV whose header names fields, and as
JSONL through a pipe, which is copied first. Each round sends all four into a running stack, under keys of its own and
in another order; told are medians, and the median of the rounds' ratios to JSONL.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import IO

import orjson
from sqlalchemy import Engine

from tests.benchmarks.cpu import Meter
from tests.benchmarks.environment import ROOT, Environment, data_folder, running_stack
from tests.benchmarks.footprint import command, peak_rss_mb
from trueup.producer.files.mapping.read import read_mapping
from trueup.producer.files.mapping.resolve import resolve
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.reading import Reading
from trueup.producer.files.rows import rows, scan
from trueup.wire.catalog import read_catalog

EXAMPLE = ROOT / "deploy" / "examples" / "salesforce-opportunities"
MAPPING = EXAMPLE / "mapping.toml"
WAYS = ("jsonl", "mapped", "named", "piped")
_OTHERS = frozenset({"workers", "postgres", "valkey"})
_DEALS = 100  # of the example, from its beginning: further below it has mistakes
_LOOK_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Slice:
    """One file through the command.

    Attributes:
        rows_per_s: by the clock, from the command's start to its end.
        cpu_us: of the command's own process, per row.
        all_cpu_us: likewise with workers, Postgres and Valkey.
        rss_mb: the command's high-water mark.
    """

    rows_per_s: float
    cpu_us: float
    all_cpu_us: float
    rss_mb: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ingest_files", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="of each file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    chosen = parser.parse_args()
    with data_folder() as folder, running_stack(folder) as environment:
        account_id = environment.load_default(read_catalog((EXAMPLE / "catalog.json").read_bytes()))
        _round(environment, account_id, chosen.ways, rows=1_000, number=0)  # warms up
        rounds = [
            _round(environment, account_id, chosen.ways, rows=chosen.rows, number=number + 1)
            for number in range(chosen.rounds)
        ]
    print(f"{chosen.rows:,} rows, {chosen.rounds} rounds; in brackets to JSONL")
    for way in chosen.ways:
        print(f"{way:8}{_told([each[way] for each in rounds], [each[chosen.ways[0]] for each in rounds])}")


def _told(slices: Sequence[Slice], base: Sequence[Slice]) -> str:
    """Medians with units, and the medians of the ratios."""
    told = ""
    for name, form in (
        ("rows_per_s", "{:9,.0f} rows/s"),
        ("cpu_us", "{:6.1f} µs of its CPU"),
        ("all_cpu_us", "{:6.0f} µs of all CPU"),
        ("rss_mb", "{:6.1f} MB"),
    ):
        pairs = [(getattr(each, name), getattr(other, name)) for each, other in zip(slices, base, strict=True)]
        told += f"{form.format(median(each for each, _ in pairs))} ({median(each / to for each, to in pairs):.2f})  "
    return told


def _round(
    environment: Environment, account_id: int, ways: Sequence[str], *, rows: int, number: int
) -> dict[str, Slice]:
    """Send every form of the same requests; who goes first changes from round to round."""
    slices = {}
    report, lines, named = (environment.scratch / name for name in ("report.csv", "report.jsonl", "named.csv"))
    arguments = {
        "jsonl": [str(lines)],
        "mapped": ["--mapping", str(MAPPING), str(report)],
        "named": [str(named)],
        "piped": ["-"],
    }
    first = number % len(ways)
    for turn, way in enumerate((*ways[first:], *ways[:first])):
        write_report(report, rows, key=f"006{number:04}{turn}")
        write_mapped(environment.engine, account_id, report, lines)
        write_named(lines, named)
        with ExitStack() as stack:
            stdin = None
            if way == "piped":
                stdin = stack.enter_context(subprocess.Popen(["cat", str(lines)], stdout=subprocess.PIPE)).stdout
            slices[way] = _ingest(environment, arguments[way], stdin, rows=rows)
        print(f"round {number} {way:8}{_told([slices[way]], [slices[way]])}", file=sys.stderr)
    return slices


def _ingest(environment: Environment, arguments: Sequence[str], stdin: IO[bytes] | None, *, rows: int) -> Slice:
    """Run the command, and watch what it and the stack take."""
    with Meter() as meter, command(environment.folder, "ingest", "--json", *arguments, stdin=stdin) as run:
        began_s, rss_mb, pid = time.perf_counter(), 0.0, 0
        while not pid:
            rss_mb = max(rss_mb, peak_rss_mb(run.pid))
            time.sleep(_LOOK_INTERVAL_S)
            pid, status, usage = os.wait4(run.pid, os.WNOHANG)
        seconds = time.perf_counter() - began_s
        meter.stop()
        run.returncode = os.waitstatus_to_exitcode(status)
        assert run.stdout is not None
        summary = json.loads(run.stdout.read())
    assert summary["created"] == summary["rows"] == rows, summary
    own_s = usage.ru_utime + usage.ru_stime
    others_s = sum(spent_s for kind, spent_s in meter.cost.cpu_s.items() if kind in _OTHERS)
    return Slice(rows / seconds, 1e6 * own_s / rows, 1e6 * (own_s + others_s) / rows, rss_mb)


def write_report(path: Path, count: int, *, key: str) -> None:
    """A report of so many opportunities that are won, under ids that begin with `key`."""
    with (EXAMPLE / "report.csv").open(encoding="utf-8", newline="") as example, path.open("w", newline="") as file:
        deals = csv.DictReader(example)
        won = [deal for deal in deals if deal["Stage"] == "Closed Won"]
        report = csv.DictWriter(file, deals.fieldnames or (), quoting=csv.QUOTE_ALL)
        report.writeheader()
        for number, deal in enumerate(islice(cycle(won[:_DEALS]), count)):
            own = {"Opportunity ID": f"{key}{number:07}AAA", "Amount": f"{3_000 + number % 99_991}.50"}
            report.writerow(deal | own)


def write_mapped(engine: Engine, account_id: int, report: Path, path: Path) -> None:
    """The requests of a report as JSONL."""
    with open_source(report, reading=Reading(mapping=read_mapping(MAPPING))) as source:
        wanted = scan(source).wanted
        with engine.connect() as connection:
            lookups = resolve(connection, account_id, wanted)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{row.text}\n" for row in rows(source, lookups=lookups))


def write_named(lines: Path, path: Path) -> None:
    """The requests of a JSONL file as CSV whose header names fields."""
    with lines.open("rb") as requests, path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for number, line in enumerate(requests):
            row = dict(_leaves(orjson.loads(line)))
            if not number:
                table.writerow(names := list(row))
            assert list(row) == names
            table.writerow(row.values())


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _leaves(part, f"{path}.{index}")
    else:
        yield path, value


if __name__ == "__main__":
    main()
