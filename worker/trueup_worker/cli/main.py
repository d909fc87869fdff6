"""The command line: what there is, and how it ends."""

import gc
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Annotated

import typer
from typer.main import get_command

from trueup.errors import ExitCode
from trueup_worker.cli.terminal.exits import exit_code_of, message_of
from trueup_worker.cli.terminal.lazy import Entry, LazyGroup
from trueup_worker.cli.terminal.options import with_common_options

_STACK, _REQUESTS, _LEDGER = "The stack", "Requests", "Commits and invoices"
_EVENTS, _OPERATE = "Events", "Accounts and care"
_RECORDS = "trueup_worker.cli.administration.records"
_PROCESSES = "trueup_worker.cli.stack.processes"


COMMANDS: Mapping[str, Entry] = {
    "up": Entry(
        "trueup_worker.cli.stack.up",
        "Start everything in the data folder and stay up until Ctrl-C.",
        _STACK,
        "embedded",
    ),
    "down": Entry("trueup_worker.cli.stack.down", "Stop what runs in the data folder. Data stays.", _STACK),
    "demo": Entry("trueup_worker.cli.stack.demo", "Run the sample through the stack: outcomes, then invoices.", _STACK),
    "doctor": Entry("trueup_worker.cli.stack.doctor", "Check every service and setting, and say what to do.", _STACK),
    "migrate": Entry("trueup_worker.cli.stack.migrate", "Bring the database up to date and grant its roles.", _STACK),
    "worker": Entry(_PROCESSES, "Run a worker: single, bulk, invoices or events.", _STACK),
    "scheduler": Entry(_PROCESSES, "Run a scheduler.", _STACK),
    "gateway": Entry(_PROCESSES, "Run a gateway.", _STACK),
    "config": Entry("trueup_worker.cli.stack.config", "The effective settings.", _STACK),
    "validate": Entry(
        "trueup_worker.cli.requests.validate", "Judge every row of a file; send nothing.", _REQUESTS, extra=None
    ),
    "ingest": Entry(
        "trueup_worker.cli.requests.ingest", "Send files of requests and wait for the outcomes.", _REQUESTS
    ),
    "mapping": Entry(
        "trueup_worker.cli.requests.mapping", "Columns of an export become fields: suggest.", _REQUESTS, extra=None
    ),
    "usage": Entry("trueup_worker.cli.requests.usage", "Rated usage: ingest files of it, list it.", _REQUESTS),
    "requests": Entry("trueup_worker.cli.requests.requests", "What became of requests.", _REQUESTS),
    "batches": Entry("trueup_worker.cli.requests.batches", "Files that were ingested, and their rows.", _REQUESTS),
    "parked": Entry("trueup_worker.cli.requests.parked", "What could not be decided.", _REQUESTS),
    "commits": Entry(
        "trueup_worker.cli.ledger.commits", "Commits and credits: list, show, adjust, edit, end, archive.", _LEDGER
    ),
    "invoices": Entry(
        "trueup_worker.cli.ledger.invoices", "Invoices and drafts: list, show, void, regenerate.", _LEDGER
    ),
    "balance": Entry("trueup_worker.cli.ledger.balance", "What a customer can still use.", _LEDGER),
    "explain": Entry(
        "trueup_worker.cli.ledger.explain", "Where each amount of a commit or an invoice comes from.", _LEDGER
    ),
    "forecast": Entry("trueup_worker.cli.ledger.forecast", "What will be invoiced until a date.", _LEDGER),
    "export": Entry(
        "trueup_worker.cli.ledger.export", "Write invoices, commits, ledger and more to a file, as they are.", _LEDGER
    ),
    "months": Entry("trueup_worker.cli.ledger.months", "Months of the books: close, list, codes.", _LEDGER),
    "reconcile": Entry("trueup_worker.cli.ledger.reconcile", "Recompute everything and name each difference.", _LEDGER),
    "events": Entry("trueup_worker.cli.events.events", "What happened: list, follow.", _EVENTS),
    "webhooks": Entry("trueup_worker.cli.events.webhooks", "Where events are sent: create, show, resend.", _EVENTS),
    "alerts": Entry(
        "trueup_worker.cli.events.alerts", "What is told ahead, and of balances: list, set, reset.", _EVENTS
    ),
    "catalog": Entry(
        "trueup_worker.cli.administration.catalog", "Customers, products, contracts and units: load a file.", _OPERATE
    ),
    "customers": Entry(_RECORDS, "Customers: list, find, billing.", _OPERATE),
    "products": Entry(_RECORDS, "Products: list, find.", _OPERATE),
    "contracts": Entry(_RECORDS, "Contracts: list, find.", _OPERATE),
    "audit": Entry("trueup_worker.cli.administration.audit", "What operators did: list.", _OPERATE),
    "accounts": Entry("trueup_worker.cli.administration.accounts", "Accounts: create, list, locale, seller.", _OPERATE),
    "tokens": Entry("trueup_worker.cli.administration.tokens", "API tokens: create, list, revoke.", _OPERATE),
    "clock": Entry("trueup_worker.cli.administration.clock", "The clock of a sandbox account.", _OPERATE),
}


class _Commands(LazyGroup):
    table = COMMANDS


_EPILOG = "\n\n".join(
    [
        (
            "Data goes to stdout, everything else to stderr. --json prints one JSON document, an array for a list "
            "(validate: one line per row); amounts are exact JSON numbers, times RFC 3339 in UTC."
        ),
        "Exit codes:",
        *(f"{code.value:>4}  {code.meaning}" for code in ExitCode),
    ]
)

app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - a third of the time of --help

        typer.echo(version("trueup"))
        raise typer.Exit


@app.callback()
def trueup(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Commit requests from a queue become exactly one commit each; what falls due is invoiced exactly once."""


def main() -> None:
    """Run the command line and ends the process."""
    code = _run()
    gc.freeze()  # or all that was imported is looked through once more before the process ends
    sys.exit(code)


def _run() -> int:
    """Run the command: the one place where errors become messages and exit codes."""
    try:
        return int(with_common_options(get_command(app)).main(prog_name="trueup", standalone_mode=False) or ExitCode.OK)
    except typer.TyperException as error:
        return _tell_usage(error)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (whatever it is, the user gets a message)
        return _tell(error)


def _tell_usage(error: typer.TyperException) -> ExitCode:
    if text := error.format_message():  # empty where the help was shown in place of an error
        _say(text)
        if ctx := getattr(error, "ctx", None):
            typer.echo(f"try: {ctx.command_path} --help", err=True)
    return ExitCode.USAGE


def _tell(error: Exception) -> ExitCode:
    if "--debug" in sys.argv or os.environ.get("TRUEUP_DEBUG"):
        traceback.print_exception(error)
    _say(message_of(error))
    return exit_code_of(error)


def _say(text: str) -> None:
    typer.secho(f"error: {text}", err=True, fg=typer.colors.RED)
