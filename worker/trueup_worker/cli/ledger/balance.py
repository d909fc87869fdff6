"""Balance: what a customer can still use."""

from typing import Annotated

import typer

from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit_json, emit_record
from trueup_worker.reporting.balance import customer_balance

app = typer.Typer()


@app.command()
def balance(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id, name or alias.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a customer can use now, per unit and per commit or credit.

    `usable` reserves what usage of open months draws; `finalized` counts closed months only. Needs the scope read.
    """
    with session(ctx).snapshot("read") as (connection, caller):
        customer_id = id_of(connection, caller, customer, "customer")
        found = customer_balance(connection, account_id=caller.account_id, customer_id=customer_id)
    emit_json(found) if as_json else emit_record(found)
