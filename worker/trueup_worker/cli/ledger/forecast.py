"""Forecast of invoices."""

from typing import Annotated

import typer

from trueup.store.catalog.units import units_of
from trueup_worker.cli.terminal.account_format import account_format
from trueup_worker.cli.terminal.amounts import in_its_unit
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_if_named
from trueup_worker.cli.terminal.output import emit_json_list, emit_table, say
from trueup_worker.invoicing.clock import account_now
from trueup_worker.reporting.forecast import exact_text
from trueup_worker.reporting.forecast import forecast as foresee

app = typer.Typer()

_COLUMNS = ("at", "outcome", "type", "issued_at", "customer", "amount", "amount_due", "why", "id")


@app.command()
def forecast(
    ctx: typer.Context,
    *,
    until: Annotated[str, typer.Option(metavar="WHEN", help=f"How far to look, inclusive: {INSTANT_HELP}.")],
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Of this customer only.")] = None,
    contract: Annotated[str | None, typer.Option(metavar="CONTRACT", help="On this contract only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell every invoice that would be made until then: when, why and how much. Nothing is written.

    It counts on the usage that is known today. Needs the scope read.
    """
    if customer and contract:
        raise CommandError("give --customer or --contract, not both")
    here = session(ctx)
    with here.snapshot("read") as (connection, caller):
        found = foresee(
            connection,
            account_id=caller.account_id,
            until=read_instant(until, now=account_now(connection, caller.account_id)),
            usage_grace_h=here.settings.usage_grace_h,
            customer_id=id_if_named(connection, caller, customer, "customer"),
            contract_id=id_if_named(connection, caller, contract, "contract"),
            written=exact_text if as_json else account_format.figure,
        )
        units = units_of(connection, caller.account_id)
    if as_json:
        emit_json_list(found)
    else:
        emit_table(_COLUMNS, [in_its_unit(each, units) for each in found], nothing=None)
        issued = sum(each.outcome == "issued" for each in found)
        say(f"{issued} invoices would be made until {until}" if found else f"nothing falls due until {until}")
