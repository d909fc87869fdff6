"""Alerts: at which thresholds they are given."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from trueup.store.alerts.settings import ALERT_KINDS, AlertSetting, WrongThresholds, alert_kind, list_thresholds
from trueup_worker.alerts.change_settings import change_thresholds
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import Record, emit_json, emit_json_list, emit_record, emit_table

app = typer.Typer(
    no_args_is_help=True,
    help="When something is told before it happens, or as a balance is used up: list, set, reset. "
    "What is told stands among the events.",
)

_COLUMNS = ("kind", "commit", "thresholds", "since")
_MEANING = {
    "expiring_days": "days before the end of access",
    "upcoming_days": "days before an invoice is due",
    "used_percent": "percent used of what can be used now",
    "left_amount": "amounts left, each in its commit's own unit",
}
_KINDS = "; ".join(f"{kind}: {_MEANING[kind]}" for kind in ALERT_KINDS)
_Kind = Annotated[str, typer.Argument(metavar="KIND", help=f"{_KINDS}.")]
_Commit = Annotated[
    str | None,
    typer.Option("--commit", metavar="ID|KEY", help="Of this commit or credit only, in place of the account's."),
]


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the thresholds that count: of the account, and of commits with their own. Needs the scope read."""
    with session(ctx).snapshot("read") as (connection, caller):
        found = [_told(each) for each in list_thresholds(connection, caller.account_id)]
    emit_json_list(found) if as_json else emit_table(_COLUMNS, map(_printed, found))


@app.command("set")
def set_(
    ctx: typer.Context,
    kind: _Kind,
    thresholds: Annotated[
        str, typer.Argument(metavar="N,…", help="The thresholds, separated by commas; none: no such alerts.")
    ],
    *,
    commit: _Commit = None,
    as_json: AsJson = False,
) -> None:
    """Set the thresholds of one kind, in place of those before. Needs the scope operate."""
    _change(ctx, kind, _read(thresholds), commit, as_json=as_json)


@app.command()
def reset(ctx: typer.Context, kind: _Kind, *, commit: _Commit = None, as_json: AsJson = False) -> None:
    """Go back to the default, or a commit's to the account's. Needs the scope operate."""
    _change(ctx, kind, None, commit, as_json=as_json)


def _change(
    ctx: typer.Context, kind: str, thresholds: Sequence[Decimal] | None, commit: str | None, *, as_json: bool
) -> None:
    chosen = alert_kind(kind)
    with session(ctx).transaction("operate") as (connection, caller):
        commit_id = None if commit is None else id_of(connection, caller, commit, "commit", is_to_change=True)
        counting = change_thresholds(
            connection, caller.account_id, chosen, thresholds, commit_id=commit_id, actor=caller.key_id
        )
    told = {"kind": chosen, "commit": commit_id, "thresholds": list(counting)}
    emit_json(told) if as_json else emit_record(_printed(told))


def _read(given: str) -> list[Decimal]:
    if given.strip() == "none":
        return []
    try:
        return [Decimal(each.strip()) for each in given.split(",")]
    except InvalidOperation:
        raise WrongThresholds(
            f"{given[:100]!r} are no thresholds: give numbers with commas between them, as 50,80,100, or none"
        ) from None


def _told(setting: AlertSetting) -> Record:
    return {
        "kind": setting.kind,
        "commit": setting.commit_id,
        "thresholds": list(setting.thresholds),
        "since": setting.set_at,
    }


def _printed(told: Record) -> Record:
    shown = ", ".join(f"{each:f}" for each in told["thresholds"]) or "none"
    default = {"since": told["since"] or "default"} if "since" in told else {}
    return {**told, "commit": told["commit"] or "", "thresholds": shown, **default}
