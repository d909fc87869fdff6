"""Commits and credits: listed and shown."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import typer
from sqlalchemy import Connection

from trueup.store.commits.details import CommitDetails
from trueup.store.commits.search import CommitChoice, FoundPlace, ListedCommit, place_of
from trueup.store.commits.units import CommitUnits, units_of_commits
from trueup_worker.cli.terminal.amounts import in_money
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.lazy import Entry, LazyGroup
from trueup_worker.cli.terminal.listing import AsJson, Limit, emit_search
from trueup_worker.cli.terminal.named import id_if_named, id_of
from trueup_worker.cli.terminal.output import Record, emit_json, emit_record
from trueup_worker.reporting.usable import UsableCommits

_CHANGES = "trueup_worker.cli.ledger.commit_changes"


class _Commits(LazyGroup):
    table = {  # noqa: RUF012 (declared as ClassVar where it comes from)
        "adjust": Entry(_CHANGES, "Book a ledger entry by hand, until the true-up is settled, or the segment over."),
        "edit": Entry(_CHANGES, "Change scope, order or schedules, as far as nothing final depends on them."),
        "end": Entry(_CHANGES, "End access, or invoicing, earlier than agreed."),
        "archive": Entry(_CHANGES, "Take commits out of use, once all their final invoices are void."),
        "disable-true-up": Entry(_CHANGES, "Do not bill what a POSTPAID commit leaves unspent; it expires."),
    }


app = typer.Typer(
    cls=_Commits,
    no_args_is_help=True,
    help="Commits and credits: list, show, adjust, edit, end, archive, disable-true-up.",
)

_COLUMNS = ("id", "type", "customer", "name", "amount", "balance", "unpaid", "uniqueness_key")

CommitName = Annotated[
    str,
    typer.Argument(metavar="ID|KEY", help="Its id, which is its request's; its uniqueness key, or its id elsewhere."),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Of this customer only.")] = None,
    type: Annotated[  # noqa: A002 (the option's name)
        Literal["PREPAID", "POSTPAID", "CREDIT"] | None, typer.Option(help="Of this type only.", case_sensitive=False)
    ] = None,
    uniqueness_key: Annotated[str | None, typer.Option(metavar="KEY", help="With this key only.")] = None,
    prefix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Whose key, name, or id in Salesforce or NetSuite begins so, exactly."),
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archived/--in-use", help="Out of use only, or in use only.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those that come after this one: what `searched to` says.")
    ] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List commits and credits in the order of their ids; with --prefix, of what they are called. Needs the scope read.

    Type and state have no index, nor has a customer beside --prefix: 2,500 commits are searched, and --after goes on
    from there. With --json all are.
    """
    if prefix is not None and uniqueness_key is not None:
        raise CommandError("--prefix and --uniqueness-key exclude each other")
    with session(ctx).snapshot("read") as (connection, caller):
        commits = UsableCommits(connection, caller.account_id)
        customer_id = id_if_named(connection, caller, customer, "customer")
        choice = CommitChoice(customer_id=customer_id, type=type, is_archived=archived)
        emit = partial(
            emit_search,
            columns=_COLUMNS,
            limit=limit,
            as_json=as_json,
            shown=partial(_in_money, connection, caller.account_id),
        )
        if prefix is None:
            emit(partial(commits.page, choice=choice, uniqueness_key=uniqueness_key), after=_id(after))
        else:
            emit(partial(commits.found, prefix, choice=choice), after=_place(after))


def _id(after: str | None) -> UUID | None:
    try:
        return None if after is None else UUID(after)
    except ValueError:
        raise CommandError(f"--after is the id of a commit, not {after!r}") from None


def _place(after: str | None) -> FoundPlace | None:
    try:
        return None if after is None else place_of(after)
    except ValueError:
        raise CommandError(
            f"with --prefix, --after is what `searched to` said, such as key.ID, not {after!r}"
        ) from None


@app.command()
def show(ctx: typer.Context, commit: CommitName, *, as_json: AsJson = False) -> None:
    """Show one commit with its segments, obligations and ledger. Needs the scope read."""
    with session(ctx).snapshot("read") as (connection, caller):
        found = UsableCommits(connection, caller.account_id).one(id_of(connection, caller, commit, "commit"))
        if found is None:
            raise CommandError(f"account {caller.account} has no commit or credit {commit}")
        if as_json:
            emit_json(found)
        else:
            [shown] = _in_money(connection, caller.account_id, [found])
            emit_record(shown)


def _in_money(connection: Connection, account_id: int, commits: Sequence[ListedCommit | CommitDetails]) -> list[Record]:
    units = units_of_commits(connection, account_id, [each.id for each in commits])
    return [_with_units(each, units.get(each.id, CommitUnits(None, None))) for each in commits]


def _with_units(commit: ListedCommit | CommitDetails, units: CommitUnits) -> Record:
    """Amounts with their units: what is invoiced may be in another than what can be used."""
    shown = in_money(commit, units.access) | {"unpaid": in_money({"unpaid": commit.unpaid}, units.invoice)["unpaid"]}
    for part, unit in (("segments", units.access), ("ledger", units.access), ("obligations", units.invoice)):
        if part in shown:
            shown[part] = [in_money(each, unit) for each in shown[part]]
    return shown
