"""Is everything well, and what to do if not."""

from dataclasses import asdict

import typer

from trueup.errors import ExitCode
from trueup_worker.cli.stack.checks import run_checks
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json_list, emit_table, say

app = typer.Typer()


@app.command()
def doctor(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Check every service, migration, policy and setting, and say what to do; exit code 1 if a check fails."""
    here = session(ctx)
    checks = [asdict(check) | {"ok": check.ok} for check in run_checks(here, here.environ)]
    emit_json_list(checks) if as_json else emit_table(("ok", "check", "found", "advice"), checks)
    failed = sum(not check["ok"] for check in checks)
    say(f"{failed} of {len(checks)} checks failed" if failed else "all is well")
    if failed:
        raise typer.Exit(ExitCode.DIFFERENCES)
