"""Explanation of amounts: the entries, usage and rules behind them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy import Connection

from trueup.domain.unit import PIECES, Unit
from trueup.store.catalog.units import units_of
from trueup.store.commits.units import CommitUnits, units_of_commits
from trueup.store.invoices.invoice import Invoice, TrueUpFigures
from trueup_worker.cli.ledger.records import explanation
from trueup_worker.cli.terminal.amounts import in_money, sentence, true_up_text
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import SHOWN_ROWS, AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import Record, as_printed, emit_json, emit_record, say
from trueup_worker.reporting.explain import CommitExplanation
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
        about = explained(connection, account_id=caller.account_id, which=chosen, lines=lines)
        found = explanation(about)
        invoice = None if isinstance(about, CommitExplanation) else about.invoice
        units = _Units.of(connection, caller.account_id, found, invoice)
    if as_json:
        emit_json(found)
        return
    shown = {name: _shown(name, value, found, units) for name, value in found.items() if name != "unit"}
    emit_record(in_money(shown, units.own))
    if any(isinstance(value, list) and len(value) > SHOWN_ROWS for value in found.values()):
        say(f"the first {SHOWN_ROWS} of each: see all with --json")


@dataclass(frozen=True, slots=True)
class _Units:
    """Units in which the amounts of an explanation are.

    Attributes:
        own: of what is explained: what can be used, for a commit, and what is invoiced otherwise.
        invoiced: of its invoices.
        by_id: the account's.
        of_commits: by the commits' ids.
    """

    own: Unit | None
    invoiced: Unit | None
    by_id: Mapping[str, Unit]
    of_commits: Mapping[UUID, CommitUnits]

    @classmethod
    def of(cls, connection: Connection, account_id: int, found: Record, invoice: Invoice | None) -> "_Units":
        """Those of an explanation."""
        is_commit = found["what"] == "commit"
        entries = {UUID(str(entry["commit_id"])) for entry in found.get("entries", ())}
        ids = entries | ({UUID(str(found["id"]))} if is_commit else set())
        of_commits, by_id = units_of_commits(connection, account_id, ids), units_of(connection, account_id)
        if is_commit:
            own = of_commits[UUID(str(found["id"]))]
            return cls(own.access, own.invoice, by_id, of_commits)
        invoiced = by_id.get(str(invoice.unit_id if invoice else found.get("unit_id")))
        return cls(invoiced, invoiced, by_id, of_commits)

    def of_row(self, part: str, row: Record) -> Unit | None:
        """Amounts of a row of one of the explanation's lists."""
        if part == "entries":
            return self.of_commits[UUID(str(row["commit_id"]))].access
        return self.by_id.get(str(row["unit_id"])) if "unit_id" in row else self.own


def _shown(name: str, value: Any, found: Record, units: _Units) -> Any:
    match value:
        case TrueUpFigures():
            return true_up_text(asdict(value), units.invoiced or PIECES)
        case UsageFigures():
            shown = ", with {not_subtracted} {currency} applied and not subtracted" if value.not_subtracted else ""
            pattern = "usage {usage} - subtracted {subtracted} = total {total} {currency}" + shown
            return sentence(pattern, asdict(value), units.invoiced or PIECES)
        case list():
            return [_row(in_money(each, units.of_row(name, each)), found) for each in value[:SHOWN_ROWS]]
    return value


def _row(row: Record, found: Record) -> Record:
    """The row without the ids that the head has already."""
    said = {str(found[name]) for name in ("id", "commit_id", "contract_id") if found.get(name)}
    shown = as_printed(row) if "is_rounded" in row else row
    return {name: value for name, value in shown.items() if name not in _HIDDEN and str(value) not in said}
