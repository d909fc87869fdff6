"""Rated usage: files of it are ingested, and what is stored is listed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from trueup.domain.unit import Unit
from trueup.store.catalog.units import units_of
from trueup.store.usage.lines import RatedLine, list_usage
from trueup_worker.cli.requests.csv_options import DecimalComma, Encoding, MappingFile, SheetName, Thousands, reading_of
from trueup_worker.cli.requests.ingest import BatchName, DryRun, Failed, Files, New, Plan, Results, ingest_files
from trueup_worker.cli.terminal.amounts import in_money
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson, Limit, emit_list
from trueup_worker.cli.terminal.named import id_if_named
from trueup_worker.cli.terminal.output import Record

app = typer.Typer(no_args_is_help=True, help="Rated usage: ingest files of it, list it.")

_COLUMNS = ("transaction_id", "timestamp", "customer", "product", "quantity", "list_price", "commit_price", "is_late")


@app.command()
def ingest(
    ctx: typer.Context,
    files: Files,
    *,
    batch_id: BatchName = None,
    new: New = False,
    dry_run: DryRun = False,
    results: Results = None,
    failed: Failed = None,
    decimal_comma: DecimalComma = None,
    thousands: Thousands = None,
    mapping: MappingFile = None,
    encoding: Encoding = None,
    sheet: SheetName = None,
    as_json: AsJson = False,
) -> None:
    """Send files of usage lines and wait until every row has its outcome.

    Needs the scope usage:write. A transaction id is used once, for ever: a line that is stored already is created once
    more without effect; with other content it is refused. Otherwise as `trueup ingest`.
    """
    reading = reading_of(
        decimal_comma=decimal_comma, thousands=thousands, mapping=mapping, encoding=encoding, sheet=sheet
    )
    plan = Plan("usage", batch_id, new, results=results, failed=failed, reading=reading)
    ingest_files(session(ctx), files, plan, dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Of this customer only.")] = None,
    contract: Annotated[str | None, typer.Option(metavar="CONTRACT", help="Under this contract only.")] = None,
    late: Annotated[bool, typer.Option("--late", help="Only what came after its month was closed.")] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List usage lines in the order of their requests' ids. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        fetch = partial(
            list_usage,
            connection,
            caller.account_id,
            customer_id=id_if_named(connection, caller, customer, "customer"),
            contract_id=id_if_named(connection, caller, contract, "contract"),
            late_only=late,
        )
        shown = partial(_in_money, units_of(connection, caller.account_id))
        emit_list(fetch, _COLUMNS, limit=limit, as_json=as_json, shown=shown)


def _in_money(units: Mapping[str, Unit], lines: Sequence[RatedLine]) -> list[Record]:
    return [in_money(each, units.get(str(each.credit_type_id))) for each in lines]
