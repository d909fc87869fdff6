"""What was measured, as a page that says how to measure it again."""

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil

from tests.benchmarks.burndown import BurnDownRun
from tests.benchmarks.burndown_workload import BALANCES
from tests.benchmarks.cpu import Cost
from tests.benchmarks.documents import DocumentsRun
from tests.benchmarks.environment import WORKERS
from tests.benchmarks.footprint import BigIngest
from tests.benchmarks.gateway import KINDS, GatewayRun
from tests.benchmarks.invoices import InvoiceSlice
from tests.benchmarks.latency import Latency
from tests.benchmarks.requests_run import Slice

_PACKAGES = ("celery", "kombu", "redis", "pydantic", "sqlalchemy", "psycopg", "orjson", "msgspec", "jiter")
_ELSEWHERE = frozenset({"naive workers"})  # what they do while they wait is no cost of Trueup's
_OURS = frozenset({"b Trueup", "usage lines"})
_NAIVE = frozenset({"a naive", "a naive, tuned"})
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Round:
    """One slice of each way."""

    naive: Slice
    tuned: Slice
    trueup: Slice
    ceiling: Slice
    usage: Slice


@dataclass(frozen=True, slots=True)
class InvoiceRound:
    """One slice of each way."""

    naive: InvoiceSlice
    tuned: InvoiceSlice
    trueup: InvoiceSlice


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that a run measured."""

    at: datetime
    command: str
    took_s: float
    postgres: str
    valkey: str
    rounds: Sequence[Round]
    latency: Latency
    gateway: GatewayRun
    invoice_rounds: Sequence[InvoiceRound]
    future: int
    burndown: BurnDownRun
    documents: DocumentsRun
    big: BigIngest
    up_s: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached, and whether it was."""

    what: str
    wanted: str
    measured: str
    reached: bool


def targets(run: Measured) -> list[Target]:
    """The figures that are to be reached."""
    to_naive, to_ceiling, invoices = _ratios(run)
    cpu_us = _per_commit_us([each.trueup for each in run.rounds])
    return [
        _at_least("requests/s, Trueup to naive (b/a)", to_naive, 50, "{:.1f}x"),
        _at_least("commits/s, Trueup to ceiling (b/c)", to_ceiling, 0.45, "{:.2f}"),
        _at_most("CPU per commit, all processes", cpu_us, 250, "{:.0f} µs"),
        _at_least("invoices/s, Trueup to naive", invoices, 50, "{:.1f}x"),
        _at_least("usage lines/s to requests/s of commits", _usage_share(run), 0.5, "{:.2f}"),
        _at_least("burn-down to the line-by-line reference", run.burndown.ratio, 20, "{:.0f}x"),
        _at_most("p99 of a single request at half load", run.latency.p99_ms, 200, "{:.0f} ms"),
        *gateway_targets(run.gateway),
        *documents_targets(run.documents),
        _at_most(f"largest process of ours, {run.big.rows:,} rows", run.big.largest_of_ours_mb, 250, "{:.0f} MB"),
        _at_most("trueup up on an existing folder", run.up_s, 5, "{:.1f} s"),
    ]


def documents_targets(found: DocumentsRun) -> list[Target]:
    """That of invoices as PDF."""
    return [_at_least("PDFs/s of ten lines on one core", found.per_cpu_s, 20, "{:.0f}")]


def gateway_targets(found: GatewayRun) -> list[Target]:
    """Those of creates over HTTP."""
    return [
        _at_least("creates/s over HTTP to a bare route's, 64 connections", found.rate(64), 0.6, "{:.2f}"),
        _at_most("p50 of a create over HTTP to a bare route's, 1 connection", found.p50(1), 10, "{:.1f}x"),
    ]


def _at_least(what: str, value: float, bound: float, form: str) -> Target:
    return Target(what, "≥ " + form.format(bound), form.format(value), value >= bound)


def _at_most(what: str, value: float, bound: float, form: str) -> Target:
    return Target(what, "≤ " + form.format(bound), form.format(value), value <= bound)


def _ratios(run: Measured) -> tuple[float, float, float]:
    return (
        median(each.trueup.requests_per_s / each.naive.requests_per_s for each in run.rounds),
        median(each.trueup.commits_per_s / each.ceiling.commits_per_s for each in run.rounds),
        median(each.trueup.invoices_per_s / each.naive.invoices_per_s for each in run.invoice_rounds),
    )


def _usage_share(run: Measured) -> float:
    return median(each.usage.requests_per_s / each.trueup.requests_per_s for each in run.rounds)


def _per_commit_us(slices: Sequence[Slice]) -> float:
    spent_s = sum(_ours(each.cost).total() for each in slices)
    return _MICRO * spent_s / sum(each.commits for each in slices)


def _ours(cost: Cost) -> "Counter[str]":
    return Counter({kind: seconds for kind, seconds in cost.cpu_s.items() if kind not in _ELSEWHERE})


def render(run: Measured) -> str:
    """The whole page, in Markdown."""
    parts = (
        _head(run),
        target_table(targets(run)),
        _requests(run),
        _latency(run),
        gateway_section(run.gateway),
        _invoices(run),
        _burndown(run),
        f"## Documents\n\n{run.documents.told()}.",
        _memory(run),
        _method(),
    )
    return "\n\n".join(parts) + "\n"


def _head(run: Measured) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    memory_gb = psutil.virtual_memory().total / 1e9
    return (
        "# How fast Trueup is\n\n"
        "Written by the run; repeat it with `make bench`.\n\n"
        f"- {run.at:%Y-%m-%d %H:%M} UTC, `{run.command}`, {run.took_s / 60:.1f} minutes\n"
        f"- {os.cpu_count()} x {_processor()}, {memory_gb:.0f} GB, {platform.system()} {platform.release()}\n"
        f"- Python {platform.python_version()}, PostgreSQL {run.postgres}, Valkey {run.valkey}\n"
        f"- {packages}"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def target_table(wanted: Sequence[Target]) -> str:
    """What was to be reached, and whether it was."""
    rows = [(each.what, each.wanted, each.measured, "yes" if each.reached else "**no**") for each in wanted]
    return "## Targets\n\n" + _table(("", "wanted", "measured", "reached"), rows)


def _requests(run: Measured) -> str:
    ways: tuple[tuple[str, Callable[[Round], Slice]], ...] = (
        ("a naive", lambda each: each.naive),
        ("a naive, tuned", lambda each: each.tuned),
        ("b Trueup", lambda each: each.trueup),
        ("c ceiling", lambda each: each.ceiling),
        ("usage lines", lambda each: each.usage),
    )
    kinds = ("producer", "workers", "naive workers", "postgres", "valkey", "scheduler")
    rows = []
    for name, of in ways:
        slices = [of(each) for each in run.rounds]
        spent = [_cpu_us(slices, kind, idle=name in _OURS and kind in _ELSEWHERE) for kind in kinds]
        rows.append(
            (name, f"{sum(each.requests for each in slices):,}", *_rates(slices), *spent, _total_us(slices, name))
        )
    columns = ("", "requests", "requests/s", "commits/s", *kinds, "all, per commit")
    pace = ", ".join(f"{each.trueup.requests_per_s / each.naive.requests_per_s:.0f}" for each in run.rounds)
    tuned = ", ".join(f"{each.trueup.requests_per_s / each.tuned.requests_per_s:.0f}" for each in run.rounds)
    share = ", ".join(f"{each.trueup.commits_per_s / each.ceiling.commits_per_s:.2f}" for each in run.rounds)
    return (
        "## Requests\n\nRates are medians of the rounds; CPU is in µs per request by kind of process.\n\n"
        + _table(columns, rows)
        + f"\n\nb/a round by round: {pace}; with a tuned: {tuned}. b/c: {share}."
    )


def _rates(slices: Sequence[Slice]) -> tuple[str, str]:
    return (
        f"{median(each.requests_per_s for each in slices):,.0f}",
        f"{median(each.commits_per_s for each in slices):,.0f}",
    )


def _cpu_us(slices: Sequence[Slice], kind: str, *, idle: bool) -> str:
    if idle:
        return "-"
    spent_s = sum(each.cost.cpu_s.get(kind, 0.0) for each in slices)
    return f"{_MICRO * spent_s / sum(each.requests for each in slices):,.0f}"


def _total_us(slices: Sequence[Slice], name: str) -> str:
    if name in _NAIVE:
        spent_s = sum(sum(each.cost.cpu_s.values()) for each in slices)
        return f"{_MICRO * spent_s / sum(each.commits for each in slices):,.0f}"
    return f"{_per_commit_us(slices):,.0f}"


def _latency(run: Measured) -> str:
    found = run.latency
    rows = [
        (
            f"{found.sent_per_s:,.0f}/s",
            f"{found.probes:,}",
            f"{found.p50_ms:.0f}",
            f"{found.p99_ms:.0f}",
            f"{found.max_ms:.0f}",
        )
    ]
    return "## A single request at half load\n\n" + _table(
        ("load", "single requests", "p50 ms", "p99 ms", "max ms"), rows
    )


def gateway_section(found: GatewayRun) -> str:
    """Creates over HTTP, through the gateway and through a bare route."""
    kinds = ["client" if kind == "producer" else kind for kind in KINDS]
    columns = ("", "connections", "creates", "creates/s", "p50 ms", "p99 ms", *kinds, "all")
    return (
        "## Creates over HTTP\n\nOne server process each way. Rates are medians of the slices, times are of all calls; "
        "CPU is in µs per create by kind of process.\n\n"
        + _table(columns, found.rows())
        + f"\n\nThe gateway's rate to the bare route's, round by round. {found.pace()}."
    )


def _invoices(run: Measured) -> str:
    rows = []
    ways: tuple[tuple[str, Callable[[InvoiceRound], InvoiceSlice]], ...] = (
        ("naive", lambda each: each.naive),
        ("naive, tuned", lambda each: each.tuned),
        ("Trueup", lambda each: each.trueup),
    )
    for name, of in ways:
        slices = [of(each) for each in run.invoice_rounds]
        issued = sum(each.invoices for each in slices)
        spent_s = sum(each.cost.cpu_s[kind] for each in slices for kind in each.cost.cpu_s)
        rate = median(each.invoices_per_s for each in slices)
        rows.append((name, f"{issued:,}", f"{rate:,.0f}", f"{_MICRO * spent_s / issued:,.0f}"))
    to_naive = median(each.trueup.invoices_per_s / each.naive.invoices_per_s for each in run.invoice_rounds)
    to_tuned = median(each.trueup.invoices_per_s / each.tuned.invoices_per_s for each in run.invoice_rounds)
    return (
        f"## Invoices\n\nTrue-ups that fall due among {run.future:,} obligations that do not, "
        f"{len(run.invoice_rounds)} rounds.\n\n"
        + _table(("", "invoices", "invoices/s", "CPU µs each"), rows)
        + f"\n\nTrueup's rate to the naive one's: {to_naive:.0f}; to the tuned one's: {to_tuned:.0f}."
    )


def _burndown(run: Measured) -> str:
    found = run.burndown
    return (
        f"## Burn-down\n\nA month of {found.lines:,} lines against {BALANCES} balances, in one process; seconds are of "
        f"CPU. It left {found.receipts:,} receipts. Memory at its highest: {found.peak_small_mb:.1f} MB for "
        f"{found.compared_lines:,} lines, {found.peak_large_mb:.1f} MB for {found.lines:,}.\n\n"
        + _table(("", "lines", "seconds", "lines/s"), found.rows())
    )


def _memory(run: Measured) -> str:
    rows = [
        (kind, f"{peak.rss_mb:.0f}", f"{peak.pss_mb:.0f}")
        for kind, peak in sorted(run.big.peaks.items())
        if kind != "naive workers"
    ]
    return (
        f"## Memory\n\n`trueup ingest` of {run.big.rows:,} rows ({run.big.file_mb:,.0f} MB) took "
        f"{run.big.seconds:.0f} s ({run.big.rows / run.big.seconds:,.0f} rows/s). Peaks of the largest process of each "
        "kind since it started, in MB.\n\n" + _table(("", "RSS", "PSS"), rows)
    )


def _method() -> str:
    return (
        "## How it is measured\n\n"
        f"- {WORKERS} processes (or connections) work in each way; Trueup's Procfile runs beside them as it is.\n"
        "- Postgres with fsync, synchronous_commit and full_page_writes on, Valkey with an append-only file.\n"
        "- Naive: one Celery task per request: pydantic, SET NX, the ORM, commit. It checks no signature and no "
        "catalog, and stores no outcome and no event. It is started as Celery's tutorial starts a worker (prefork, log "
        f"level INFO) with {WORKERS} children; tuned, it is as many solo workers that log nothing. Targets are judged "
        "by the former, for invoices too.\n"
        "- Trueup: from the start of the file's scan until `ingest` has seen the last outcome committed: 5 % "
        "duplicates, 2 % invalid, half with two instalments.\n"
        "- Ceiling: the same rows, duplicates and invalid ones left out, by the same statement on the same tables, "
        "prepared before the clock starts. b/c compares commits per second, not requests.\n"
        "- Usage: a file of lines by the same way as a file of requests; `single` works on its queue too.\n"
        "- Burn-down: the reference is the oracle of the property tests, which draws line by line.\n"
        "- Latency: open loop, from the instant at which a request was to be submitted to the worker's reply after the "
        "commit; each request is kept in `intake` first.\n"
        "- Over HTTP: closed loop, so many connections of one client, a slice of each way in turn, every answer 200. "
        "The bare route is FastAPI on the same server: a pydantic model, one prepared insert of one row, its own "
        "commit. It checks no token and no catalog, and keeps no segment, obligation, ledger entry or event. Behind "
        "the gateway are the queue, the workers and Postgres.\n"
        "- Invoices: from the moment they fall due, the scheduler's next look included, to the last commit; naive: "
        "from the first task sent.\n"
        "- CPU: user and system time of whole process trees, processes that ended included.\n"
        "- Memory: RSS is the kernel's high-water mark of the largest process; Postgres' holds its shared buffers."
    )


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(columns)
    lines = [head, ["---", *("---:" for _ in head[1:])], *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
