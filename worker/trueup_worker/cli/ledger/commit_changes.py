"""Commits and credits: changed by hand."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy import Connection

from trueup.clock import utc_now
from trueup.limits import BODY_BYTES_MAX
from trueup.store.commits.units import units_of_commits
from trueup.wire.problems import Problem
from trueup.wire.request.changes import EDIT, END_DATE
from trueup_worker.cli.ledger.bulk_changes import change_all
from trueup_worker.cli.ledger.chosen_commits import Chosen, DryRun, Failed, OfBatch, OfFile, OneCommit, Results
from trueup_worker.cli.ledger.commits import CommitName
from trueup_worker.cli.terminal.amounts import in_money
from trueup_worker.cli.terminal.arguments import read_amount, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit_json, emit_record, emit_table, say, to_json
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.commit_changes.disable_true_up import disable_true_up
from trueup_worker.commit_changes.edit import EditSettings, edit_commit
from trueup_worker.commit_changes.end_date import end_commit
from trueup_worker.commit_changes.refusal import Changed, InvalidChange
from trueup_worker.invoicing.adjust import adjust_commit

app = typer.Typer()

T = TypeVar("T")


@app.command()
def adjust(
    ctx: typer.Context,
    commit: CommitName,
    *,
    amount: Annotated[Decimal, typer.Option(parser=read_amount, metavar="±N", help="What to book, with its sign.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")],
    segment: Annotated[int | None, typer.Option(help="Which segment, from 0, if there are several.")] = None,
    as_json: AsJson = False,
) -> None:
    """Book a ledger entry by hand, until the true-up is settled, or the segment over. Needs the scope operate."""
    here = session(ctx)
    with here.transaction("operate") as (connection, caller):
        commit_id = id_of(connection, caller, commit, "commit", is_to_change=True)
        booked = adjust_commit(
            connection,
            account_id=caller.account_id,
            commit_id=commit_id,
            amount=amount,
            reason=reason,
            actor=caller.key_id,
            segment=segment,
            usage_grace_h=here.settings.usage_grace_h,
        )
        units = units_of_commits(connection, caller.account_id, [commit_id])
    emit_json(booked) if as_json else emit_record(in_money(booked, units[commit_id].access), title="booked")


@app.command()
def edit(
    ctx: typer.Context,
    commit: OneCommit = None,
    *,
    batch: OfBatch = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With ID|KEY the body of Metronome's edit call, as JSON (- for stdin); without, a file of commits.",
        ),
    ] = None,
    body: Annotated[
        str | None, typer.Option(metavar="FILE", help="The body of Metronome's edit call, for every commit.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="As it stands on invoices.")] = None,
    description: Annotated[str | None, typer.Option(help="Internal.")] = None,
    priority: Annotated[
        Decimal | None, typer.Option(parser=read_amount, metavar="N", help="Lower is drawn first.")
    ] = None,
    dry_run: DryRun = False,
    results: Results = None,
    failed: Failed = None,
    as_json: AsJson = False,
) -> None:
    """Change scope, order or schedules, as far as nothing final depends on them. Needs the scope operate."""
    if commit is not None and file is not None:
        body, file = body or file, None
    fields = {"name": name, "description": description, "priority": priority}
    given = {key: value for key, value in fields.items() if value is not None}
    if bool(given) == (body is not None):
        raise CommandError("say what to change: either --body (or --file), or any of --name, --description, --priority")
    change = _judged(EDIT.read(_bytes_of(body) if body is not None else to_json(given)))
    config = session(ctx).settings
    settings = EditSettings(usage_grace_h=config.usage_grace_h, open_references=config.open_references)
    chosen = Chosen(commit, batch, file, dry_run, results, failed)
    _change(ctx, chosen, partial(edit_commit, change=change, settings=settings), as_json=as_json)


@app.command()
def end(
    ctx: typer.Context,
    commit: OneCommit = None,
    *,
    batch: OfBatch = None,
    file: OfFile = None,
    access_ending_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="On a whole hour: nothing is drawn from then on.")
    ] = None,
    invoices_ending_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Drafts of this date or later are dropped.")
    ] = None,
    dry_run: DryRun = False,
    results: Results = None,
    failed: Failed = None,
    as_json: AsJson = False,
) -> None:
    """End access, or invoicing, earlier than agreed. Needs the scope operate."""
    given = {"access_ending_before": access_ending_before, "invoices_ending_before": invoices_ending_before}
    instants = {key: _timestamp(text) for key, text in given.items() if text is not None}
    if not instants:
        raise CommandError("say what ends: --access-ending-before, --invoices-ending-before or both")
    change = _judged(END_DATE.read(to_json(instants)))
    chosen = Chosen(commit, batch, file, dry_run, results, failed)
    _change(ctx, chosen, partial(end_commit, change=change), as_json=as_json)


@app.command()
def archive(
    ctx: typer.Context,
    commit: OneCommit = None,
    *,
    batch: OfBatch = None,
    file: OfFile = None,
    dry_run: DryRun = False,
    results: Results = None,
    failed: Failed = None,
    as_json: AsJson = False,
) -> None:
    """Take commits out of use, once all their final invoices are void. Needs the scope operate."""
    chosen = Chosen(commit, batch, file, dry_run, results, failed)
    _change(ctx, chosen, archive_commit, as_json=as_json)


@app.command("disable-true-up")
def disable(ctx: typer.Context, commit: CommitName, *, as_json: AsJson = False) -> None:
    """Do not bill what a POSTPAID commit leaves unspent; it expires. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        commit_id = id_of(connection, caller, commit, "commit", is_to_change=True)
        changed = disable_true_up(
            connection,
            account_id=caller.account_id,
            commit_id=commit_id,
            actor=caller.key_id,
        )
    _emit(changed, as_json=as_json)


def _change(ctx: typer.Context, chosen: Chosen, change: Callable[..., Changed], *, as_json: bool) -> None:
    """Change one commit, or each of many in a transaction of its own."""
    here = session(ctx)
    caller = here.caller("operate")

    def change_one(connection: Connection, commit_id: UUID) -> Changed:
        return change(connection, account_id=caller.account_id, commit_id=commit_id, actor=caller.key_id)

    if chosen.commit is None:
        raise typer.Exit(change_all(here, chosen, change_one, as_json=as_json))
    with here.engine.connect() as connection, connection.begin() as unit:
        changed = change_one(connection, id_of(connection, caller, chosen.commit, "commit", is_to_change=True))
        if chosen.dry_run:
            unit.rollback()
    _emit(changed, as_json=as_json)


def _bytes_of(file: str) -> bytes:
    """The beginning of a file, or of stdin, which is all of any body."""
    with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
        return stream.read(BODY_BYTES_MAX + 1)


def _judged(read: T | list[Problem]) -> T:
    if isinstance(read, list):
        raise InvalidChange(read)
    return read


def _timestamp(text: str) -> str:
    return read_instant(text, now=utc_now()).isoformat()


def _emit(changed: Changed, *, as_json: bool) -> None:
    """Show the changed parts before and after; as a table a field a line."""
    if as_json:
        emit_json({"commit_id": changed.commit_id, "before": changed.before, "after": changed.after})
    elif changed.after:
        rows = [{"field": key, "before": changed.before.get(key), "after": changed.after[key]} for key in changed.after]
        emit_table(("field", "before", "after"), rows)
    else:
        say("nothing changed")
