"""The sample, from its file to invoices."""

import time
from collections import Counter, defaultdict
from decimal import Decimal
from functools import partial

import typer

from trueup.domain.money_text import Money
from trueup.domain.unit import PIECES
from trueup.errors import ExitCode
from trueup.store.catalog.catalog import load_catalog
from trueup.store.catalog.units import units_of
from trueup.store.commits.search import list_commits
from trueup.store.invoices.accounts_due import accounts_due
from trueup.store.invoices.listing import list_invoices
from trueup.store.postgres.engine import transaction
from trueup_worker.cli.administration.catalog import read_catalog_file
from trueup_worker.cli.ledger.invoices import COLUMNS, in_money_listed
from trueup_worker.cli.requests.ingest import Plan, ingest_file
from trueup_worker.cli.stack.project import project_file
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import every_found
from trueup_worker.cli.terminal.output import emit_table, say

app = typer.Typer()

_CATALOG, _REQUESTS = "deploy/sample/catalog.json", "deploy/sample/requests.jsonl"
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
    """Load the sample, ingests it, waits for the invoices, and shows both."""
    with here.transaction("operate") as (connection, caller):
        load_catalog(connection, caller.account_id, read_catalog_file(project_file(_CATALOG)))
    say(f"ingesting {_REQUESTS}")
    ingest_file(here, str(project_file(_REQUESTS)), Plan())
    _wait_until_settled(here, caller.account_id)
    _show_invoices(here)


def has_commits(here: Session) -> bool:
    """Tell whether the account has any commit or credit."""
    with here.transaction("read") as (connection, caller):
        return bool(list_commits(connection, caller.account_id, limit=1).rows)


def _wait_until_settled(here: Session, account_id: int) -> None:
    deadline = time.monotonic() + _SETTLE_SECONDS_MAX
    while time.monotonic() < deadline:
        with transaction(here.engine) as connection:
            due = accounts_due(connection, accounts_max=_ACCOUNTS_MAX, usage_grace_h=here.settings.usage_grace_h)
            if account_id not in due:
                return
        time.sleep(_POLL_S)
    raise CommandError("what is due does not become invoices: see `trueup doctor`", ExitCode.UNAVAILABLE)


def _show_invoices(here: Session) -> None:
    with here.transaction("read") as (connection, caller):
        fetch = partial(list_invoices, connection, caller.account_id, status="FINALIZED")
        first = fetch(limit=_INVOICE_ROWS).rows
        units = units_of(connection, caller.account_id)
        counts: Counter[str] = Counter()
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for invoice in every_found(fetch, None, limit=None, as_json=True, go_on=str):
            counts[str(invoice.unit_id)] += 1
            totals[str(invoice.unit_id)] += invoice.total or 0
    emit_table(COLUMNS[:6], in_money_listed(units, first), title="the first invoices that fell due")
    emit_table(
        ("invoices", "total"),
        [{"invoices": count, "total": Money(totals[unit], units.get(unit, PIECES))} for unit, count in counts.items()],
        title="all of them",
    )
