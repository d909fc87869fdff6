"""Explanation of amounts: the entries, usage and rules behind them."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from trueup.domain.money import plain_text
from trueup.store.invoices.invoice import TrueUpFigures
from trueup_worker.cli.ledger.records import explanation
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import SHOWN_ROWS, AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import Record, as_printed, emit_json, emit_record, say
from trueup_worker.reporting.explain import explain as explained
from trueup_worker.reporting.receipts import UsageFigures

app = typer.Typer()

# What another column of the row says in words.
_HIDDEN = {"id", "segment_id", "period_id", "invoice_id", "customer_id", "product_id", "unit_id", "booked_at", "line"}


@app.command()
def explain(
    ctx: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="ID|KEY|NUMBER", help="Of a commit or credit, an invoice, or a draft.")
    ],
    *,
    lines: Annotated[
        bool, typer.Option("--lines", help="List the transaction ids behind each piece of usage.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where each amount comes from: ledger entries, the usage behind them, and the rule that chose who pays.

    Usage of open months is burnt down as things stand. Needs the scope read.
    """
    with session(ctx).snapshot("read") as (connection, caller):
        chosen = id_of(connection, caller, which, "commit", "invoice")
        found = explanation(explained(connection, account_id=caller.account_id, which=chosen, lines=lines))
    if as_json:
        emit_json(found)
        return
    emit_record({name: _shown(value, found) for name, value in found.items()})
    if any(isinstance(value, list) and len(value) > SHOWN_ROWS for value in found.values()):
        say(f"the first {SHOWN_ROWS} of each: see all with --json")


def _shown(value: Any, found: Record) -> Any:
    match value:
        case TrueUpFigures():
            return _sentence("committed {committed} - drawn {drawn} + adjustments {adjustments} = due {due}", value)
        case UsageFigures():
            shown = ", with {not_subtracted} applied and not subtracted" if value.not_subtracted else ""
            return _sentence("usage {usage} - subtracted {subtracted} = total {total}" + shown, value)
    return ([_row(each, found) for each in value[:SHOWN_ROWS]] or None) if isinstance(value, list) else value


def _sentence(pattern: str, figures: TrueUpFigures | UsageFigures) -> str:
    return pattern.format(**{name: plain_text(amount) for name, amount in asdict(figures).items()})


def _row(row: Record, found: Record) -> Record:
    """The row without the ids that the head has already."""
    said = {str(found[name]) for name in ("id", "commit_id", "contract_id") if found.get(name)}
    shown = as_printed(row) if "is_rounded" in row else row
    return {name: value for name, value in shown.items() if name not in _HIDDEN and str(value) not in said}
