"""Webhooks: endpoints that events are sent to, their deliveries, and a receiver for development."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

import typer

from trueup.clock import utc_now
from trueup.limits import WEBHOOK_OVERLAP_H
from trueup.store.webhooks.deliveries import list_deliveries, show_delivery
from trueup.store.webhooks.endpoints import find_endpoint, list_endpoints
from trueup.wire.events import EventType, event_types
from trueup_worker.cli.events.receiver import receive
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit_json, emit_json_list, emit_record, emit_table, say
from trueup_worker.webhooks.administer import (
    add_endpoint,
    alter_endpoint,
    remove_endpoint,
    renew_secret,
    send_trial,
    try_again,
)
from trueup_worker.webhooks.configured import policy_of
from trueup_worker.webhooks.signature import new_secret
from trueup_worker.webhooks.url import target_of

app = typer.Typer(no_args_is_help=True, help="Where events are sent. Reading needs the scope read, the rest operate.")

_SHOWN = 20
_COLUMNS = ("id", "url", "types", "is_enabled", "failing_since", "behind")
_OF_DELIVERIES = ("id", "type", "position", "state", "attempts", "status", "error", "next_attempt_at")
_OF_LOG = ("number", "at", "duration_ms", "status", "error", "answer")
_Types = Annotated[str | None, typer.Option("--types", metavar="TYPE,…", help="Events of these types; else all.")]
_Which = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id or URL.")]


@app.command()
def create(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="Where they go: https.")],
    *,
    types: _Types = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send what happens from now on to a URL; prints the secret that signs it, once."""
    here, chosen, secret = session(ctx), _chosen(types), new_secret()
    target_of(url, policy_of(here.settings))
    with here.transaction("operate") as (connection, caller):
        made = add_endpoint(
            connection,
            caller,
            url=url,
            types=chosen,
            secret=secret,
            secret_key=here.secret_key,
            description=description,
        )
    told = {"id": made.id, "url": made.url, "types": made.types, "secret": secret}
    say("the secret is shown only now: the receiver checks signatures with it")
    emit_json(told) if as_json else emit_record(told)


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the account's webhooks."""
    with session(ctx).snapshot("read") as (connection, caller):
        found = list_endpoints(connection, caller.account_id)
    emit_json_list(found) if as_json else emit_table(_COLUMNS, found)


@app.command()
def show(
    ctx: typer.Context,
    webhook: _Which,
    delivery: Annotated[UUID | None, typer.Argument(metavar="[DELIVERY]", help="One delivery, with its log.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a webhook and its last deliveries, or one delivery with every attempt."""
    with session(ctx).snapshot("read") as (connection, caller):
        webhook_id = id_of(connection, caller, webhook, "webhook")
        if delivery is not None:
            one = show_delivery(connection, caller.account_id, webhook_id, delivery)
            if as_json:
                emit_json(one)
            else:
                emit_record(replace(one, log=()))
                emit_table(_OF_LOG, one.log)
            return
        found = find_endpoint(connection, caller.account_id, webhook_id)
        last = list_deliveries(connection, caller.account_id, webhook_id, limit=_SHOWN)
    if as_json:
        emit_json({"webhook": found, "deliveries": last})
    else:
        emit_record(found)
        emit_table(_OF_DELIVERIES, last)


@app.command()
def change(
    ctx: typer.Context,
    webhook: _Which,
    *,
    url: Annotated[str | None, typer.Option(help="Where they go from now on.")] = None,
    types: _Types = None,
    enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="Go on where it was, or deliver nothing for now.")
    ] = None,
) -> None:
    """Change a webhook; one that was switched off goes on where it was, as far back as events are kept."""
    here, chosen = session(ctx), _chosen(types) if types else None
    if url is None and chosen is None and enabled is None:
        raise CommandError("nothing to change: say --url, --types, --on or --off")
    if url is not None:
        target_of(url, policy_of(here.settings))
    with here.transaction("operate") as (connection, caller):
        webhook_id = id_of(connection, caller, webhook, "webhook", is_to_change=True)
        changed = alter_endpoint(connection, caller, webhook_id, url=url, types=chosen, enabled=enabled)
    emit_record(changed)


@app.command()
def delete(ctx: typer.Context, webhook: _Which) -> None:
    """Deliver nothing more to it, and forget what was."""
    with session(ctx).transaction("operate") as (connection, caller):
        webhook_id = id_of(connection, caller, webhook, "webhook", is_to_change=True)
        remove_endpoint(connection, caller, webhook_id)
    say(f"webhook {webhook_id} is deleted")


@app.command()
def test(ctx: typer.Context, webhook: _Which) -> None:
    """Send a delivery of the type webhook.test; `show` tells what came of it."""
    with session(ctx).transaction("operate") as (connection, caller):
        webhook_id = id_of(connection, caller, webhook, "webhook", is_to_change=True)
        sent = send_trial(connection, caller, webhook_id)
    say(f"sent: trueup webhooks show {webhook_id} {sent}")


@app.command("resend")
def resend_(
    ctx: typer.Context,
    webhook: _Which,
    delivery: Annotated[UUID | None, typer.Argument(metavar="[DELIVERY]", help="This one.")] = None,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help=f"All of what happened since: {INSTANT_HELP}.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed, for good or until now.")] = False,
) -> None:
    """Try deliveries again at once, with the bytes that they had."""
    at = read_instant(since, now=utc_now()) if since else None
    if sum((delivery is not None, at is not None, failed)) != 1:
        raise CommandError("say which: a delivery's id, --since or --failed")
    here, count, after, is_more = session(ctx), 0, None, True
    while is_more:
        with here.transaction("operate") as (connection, caller):
            webhook_id = id_of(connection, caller, webhook, "webhook", is_to_change=True)
            resent = try_again(
                connection, caller, webhook_id, delivery_id=delivery, since=at, failed=failed, after=after
            )
        count += resent.count
        after, is_more = resent.reached, resent.reached is not None
    say(f"{count} are tried again")


@app.command()
def rotate(
    ctx: typer.Context,
    webhook: _Which,
    *,
    overlap_h: Annotated[
        int,
        typer.Option(
            "--overlap-h",
            min=0,
            max=24 * 30,
            help="Hours for which the secret before signs as well; 0: nothing but the new one.",
        ),
    ] = WEBHOOK_OVERLAP_H,
    as_json: AsJson = False,
) -> None:
    """Sign with a new secret, which is printed once; the one before signs as well for a while.

    Those before that one sign until their own hours are over; at most five sign at once.
    """
    here, secret = session(ctx), new_secret()
    with here.transaction("operate") as (connection, caller):
        webhook_id = id_of(connection, caller, webhook, "webhook", is_to_change=True)
        until = renew_secret(
            connection,
            caller,
            webhook_id,
            secret=secret,
            secret_key=here.secret_key,
            overlap_h=overlap_h,
        )
    told = {"secret": secret, "previous_secret_until": until}
    emit_json(told) if as_json else emit_record(told)


@app.command()
def listen(
    ctx: typer.Context,
    *,
    types: _Types = None,
    forward: Annotated[str | None, typer.Option(metavar="URL", help="Send each on, as it came.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to listen; 0: any.")] = 0,
) -> None:
    """Receive here what happens from now on, check it, and print it, a line each, until Ctrl-C: for development.

    Needs TRUEUP_WEBHOOK_LOOPBACK=true, here and where the workers run.
    """
    here, chosen, secret = session(ctx), _chosen(types), new_secret()
    with receive(secret, port=port, forward=forward) as receiver:
        target_of(receiver.url, policy_of(here.settings))
        with here.transaction("operate") as (connection, caller):
            made = add_endpoint(
                connection,
                caller,
                url=receiver.url,
                types=chosen,
                secret=secret,
                secret_key=here.secret_key,
                description="trueup webhooks listen",
            )
        say(f"listening on {receiver.url} as webhook {made.id}; Ctrl-C ends it")
        try:
            receiver.serve_forever()
        finally:
            with here.transaction("operate") as (connection, caller):
                remove_endpoint(connection, caller, made.id)


def _chosen(types: str | None) -> list[EventType]:
    return event_types(types.split(",")) if types else []
