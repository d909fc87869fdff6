"""Balance: what a customer can still use."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import typer

from trueup.domain.unit import PIECES, Unit
from trueup.store.catalog.units import units_of
from trueup.store.commits.units import units_of_commits
from trueup_worker.cli.terminal.amounts import in_its_unit, in_money
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import Record, emit_json, emit_record, members
from trueup_worker.reporting.balance import Usable, UsableCommit, customer_balance

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
        units = units_of(connection, caller.account_id)
        invoiced = units_of_commits(connection, caller.account_id, [UUID(each.commit_id) for each in found.commits])
    if as_json:
        emit_json(found)
        return
    commits = [_shown_commit(each, units, invoiced[UUID(each.commit_id)].invoice) for each in found.commits]
    emit_record({**members(found), "units": [_shown(each, units) for each in found.units], "commits": commits})


_COLUMNS = ("type", "name", "usable", "finalized", "unpaid", "access_type", "commit_id")


def _shown_commit(commit: UsableCommit, units: Mapping[str, Unit], invoice_unit: Unit | None) -> Record:
    record = _shown(commit, units) | in_money({"unpaid": commit.unpaid}, invoice_unit)
    return {name: record[name] for name in _COLUMNS}


def _shown(usable: Usable, units: Mapping[str, Unit]) -> Record:
    """Quantities count pieces of usage, not their unit."""
    record = in_its_unit(usable, {usable.unit_id: PIECES} if usable.access_type == "QUANTITY" else units)
    return {name: value for name, value in record.items() if name != "unit_id"}
