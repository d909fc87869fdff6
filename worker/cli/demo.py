"""The sample, from its file to invoices."""

import time
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from itertools import islice

import typer

from shared.producer.content import open_source
from shared.producer.ingest import Ingest, RowOutcome, Summary, name_batch
from shared.producer.publish import Publisher, Signer
from shared.producer.rows import scan
from shared.store.catalog import load_catalog
from shared.store.commits import list_commits
from shared.store.due import accounts_due
from shared.store.engine import transaction
from shared.store.invoices import list_invoices
from shared.wire.outcome import VERDICTS
from worker.cli.catalog import read_catalog_file
from worker.cli.context import Session, session
from worker.cli.exits import CommandError, ExitCode
from worker.cli.invoices import COLUMNS
from worker.cli.listing import every_page
from worker.cli.output import Record, emit_table, say
from worker.cli.project import project_file

app = typer.Typer()

_CATALOG, _REQUESTS = "deploy/sample/catalog.json", "deploy/sample/requests.jsonl"
_EXPLAINED_ROWS = 8
_INVOICE_ROWS = 15
_SETTLE_SECONDS_MAX = 60.0
_POLL_S = 0.1
_ACCOUNTS_MAX = 10_000


@app.command()
def demo(ctx: typer.Context) -> None:
    """Load the sample catalog and batch; show the outcomes, then the invoices that fell due.

    A second run creates nothing: the same file is the same batch.
    """
    run_demo(session(ctx))


def run_demo(here: Session) -> None:
    """Loads the sample, ingests it, waits for the invoices, and shows both."""
    sample = project_file(_REQUESTS)
    with here.transaction("operate") as (connection, caller):
        load_catalog(connection, caller.account_id, read_catalog_file(project_file(_CATALOG)))
    say(f"ingesting {sample.name} …")
    with (
        open_source(sample) as source,
        Publisher(
            str(here.settings.broker_url),
            account=caller.account,
            signer=Signer.of_token(here.token),
            queue_limit=here.settings.queue_limit,
        ) as publisher,
    ):
        batch = name_batch(source, scan(source), account=caller.account, kind="commit", name=None, new=False)
        ingest = Ingest(
            source=source,
            batch=batch,
            account_id=caller.account_id,
            engine=here.engine,
            publisher=publisher,
            progress=lambda _sent, _decided: None,
        )
        _show_outcomes(ingest.run(), [result for result in ingest.results() if result.failed])
    _wait_until_settled(here, caller.account_id)
    _show_invoices(here)


def has_commits(here: Session) -> bool:
    """Whether the account has any commit or credit."""
    with here.transaction("read") as (connection, caller):
        return bool(list_commits(connection, caller.account_id, limit=1))


def say_next_steps(chosen: str) -> None:
    """Tells what to try.

    Args:
        chosen: the options that lead to this stack from the working folder.
    """
    steps = {
        f"trueup ingest {_REQUESTS}": "the same file again: nothing new",
        "trueup invoices list": "invoices, then drafts",
        "trueup commits list": "commits and what is left of them",
        "trueup reconcile": "the proof that everything agrees",
        "trueup doctor": "is everything well?",
        "trueup --help": "all the rest",
    }
    width = max(map(len, steps)) + len(chosen)
    lines = (
        f"  {command + (chosen if '--help' not in command else ''):<{width}}   {why}" for command, why in steps.items()
    )
    say("\n".join(["try next:", *lines]))


def _show_outcomes(summary: Summary, failed: list[RowOutcome]) -> None:
    counts = asdict(summary)
    emit_table(
        ("outcome", "rows"),
        [{"outcome": verdict, "rows": counts[verdict]} for verdict in VERDICTS],
        title=f"{summary.rows} requests in {summary.seconds:.1f} s",
    )
    emit_table(("row", "outcome", "why"), map(_explained, _of_many_kinds(failed)), title="some of the refused rows")


def _of_many_kinds(failed: list[RowOutcome]) -> list[RowOutcome]:
    """The first row of each kind of failure."""
    first = {_explained(result)["code"]: result for result in reversed(failed)}
    return sorted(first.values(), key=lambda result: result.row.number)[:_EXPLAINED_ROWS]


def _explained(result: RowOutcome) -> Record:
    outcome = result.outcome
    if outcome is None:
        return {"row": result.row.number, "outcome": "none yet", "code": None, "why": ""}
    error = next(iter(outcome.errors), None)
    if error is None:
        why = outcome.reason or "its uniqueness key was used with other content"
        return {"row": result.row.number, "outcome": outcome.outcome, "code": why, "why": why}
    why = f"{error['path']} {error['message']}".strip()
    return {"row": result.row.number, "outcome": outcome.outcome, "code": error["code"], "why": why}


def _wait_until_settled(here: Session, account_id: int) -> None:
    deadline = time.monotonic() + _SETTLE_SECONDS_MAX
    while time.monotonic() < deadline:
        with transaction(here.engine) as connection:
            if account_id not in accounts_due(connection, accounts_max=_ACCOUNTS_MAX):
                return
        time.sleep(_POLL_S)
    raise CommandError("what is due does not become invoices: see `trueup doctor`", ExitCode.UNAVAILABLE)


def _show_invoices(here: Session) -> None:
    with here.transaction("read") as (connection, caller):
        fetch = partial(list_invoices, connection, caller.account_id, status="FINALIZED")
        first = list(islice(every_page(fetch, limit=None), _INVOICE_ROWS))
        totals: Counter[str] = Counter()
        count: Counter[str] = Counter()
        for invoice in every_page(fetch, limit=None):
            count[invoice["unit"]] += 1
            totals[invoice["unit"]] += invoice["total"]
    emit_table(COLUMNS[:6], first, title="the first invoices that fell due")
    emit_table(
        ("unit", "invoices", "total"),
        [{"unit": unit, "invoices": count[unit], "total": Decimal(total)} for unit, total in totals.items()],
        title=f"{count.total()} invoices",
    )
