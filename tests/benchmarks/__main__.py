"""`python -m tests.benchmarks`: measures everything, prints the report, and writes RESULTS.md after a full run."""

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import redis
from sqlalchemy import text

from tests.benchmarks.balance_alerts import measure_alerts
from tests.benchmarks.burndown import measure_burndown
from tests.benchmarks.deliveries import measure_events
from tests.benchmarks.documents import measure_documents
from tests.benchmarks.environment import Environment, data_folder, running_stack
from tests.benchmarks.footprint import ingest_big_file, time_up
from tests.benchmarks.gateway import GatewayRun, measure_gateway
from tests.benchmarks.invoices import InvoiceRun
from tests.benchmarks.latency import measure_latency
from tests.benchmarks.naive import QUEUE_TUNED
from tests.benchmarks.relayed import measure_relay
from tests.benchmarks.report import (
    InvoiceRound,
    Measured,
    Round,
    documents_targets,
    gateway_section,
    gateway_targets,
    render,
    target_table,
    targets,
)
from tests.benchmarks.requests_run import Slice, run_ceiling, run_naive, run_trueup
from tests.benchmarks.workload import Workload
from trueup.clock import utc_now

RESULTS = Path(__file__).with_name("RESULTS.md")
SEED = 20_261_122
_FEW_BEHIND = 10_000
WARM_UP_ROWS, WARM_UP_NAIVE = 2_000, 50


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=180_000, help="requests through Trueup, in all rounds")
    parser.add_argument("--naive", type=int, default=3_600, help="requests through the naive worker, in all rounds")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of one slice of each way")
    parser.add_argument("--latency-seconds", type=float, default=30.0)
    parser.add_argument("--gateway-rounds", type=int, default=5, help="rounds of creates over HTTP")
    parser.add_argument("--gateway-seconds", type=float, default=2.0, help="of each of their six slices")
    parser.add_argument("--invoices", type=int, default=10_000, help="true-ups that fall due in each of the rounds")
    parser.add_argument("--naive-invoices", type=int, default=2_000, help="invoices the naive way, in all rounds")
    parser.add_argument("--invoice-rounds", type=int, default=3)
    parser.add_argument("--future", type=int, default=1_000_000, help="obligations that do not fall due")
    parser.add_argument("--usage-lines", type=int, default=1_000_000, help="of the month that is burnt down")
    parser.add_argument("--big-rows", type=int, default=1_000_000, help="rows of the file whose memory is watched")
    parser.add_argument("--deliveries", type=int, default=5_000, help="requests whose events are sent, in each slice")
    parser.add_argument("--delivery-slices", type=int, default=3)
    parser.add_argument("--events-rows", type=int, default=20_000, help="requests of a slice of intake beside events")
    parser.add_argument("--events-rounds", type=int, default=5, help="rounds of intake beside events")
    parser.add_argument("--behind", type=int, default=1_000_000, help="events that wait while memory is watched")
    parser.add_argument("--alerts-seconds", type=float, default=60.0, help="of usage in each slice beside alerts")
    parser.add_argument("--alerts-rounds", type=int, default=3, help="rounds of usage without alerts, and with them")
    parser.add_argument("--documents", type=int, default=500, help="invoices that are set as PDF")
    only = ["gateway", "events", "relay", "alerts", "documents"]
    parser.add_argument("--only", choices=only, help="measure nothing but this")
    parser.add_argument("--output", type=Path, help="where to write the report; a full run: RESULTS.md")
    chosen = parser.parse_args()
    if chosen.output is None and len(sys.argv) == 1:
        chosen.output = RESULTS
    return chosen


def main() -> int:
    """Measures; 1 when a target was missed."""
    chosen, began_s = _options(), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    if chosen.only == "events":
        return _events_only(chosen)
    if chosen.only == "relay":
        return _relay_only(chosen)
    if chosen.only == "alerts":
        return _alerts_only(chosen)
    if chosen.only == "documents":
        return _documents_only(chosen)
    if chosen.only:
        return _gateway_only(chosen)
    with data_folder() as folder:
        with running_stack(folder) as environment:
            workload = Workload(SEED)
            postgres, valkey = _versions(environment)
            gateway = _gateway(environment, workload, chosen)
            rounds = _rounds(environment, workload, chosen)
            _say("latency")
            latency = measure_latency(
                environment,
                environment.tenant("latency", workload.catalog()),
                workload,
                load_per_s=median(each.trueup.requests_per_s for each in rounds) / 2,
                seconds=chosen.latency_seconds,
            )
            invoice_rounds = _invoice_rounds(environment, workload, chosen)
            _say("burn-down")
            burndown = measure_burndown(seed=SEED, lines=chosen.usage_lines)
            _say("documents")
            documents = measure_documents(documents=chosen.documents)
            _say(f"a file of {chosen.big_rows:,} rows")
            environment.load_default(workload.catalog())
            big = ingest_big_file(environment, workload, rows=chosen.big_rows)
        _say("trueup up")
        up_s = time_up(folder)
    run = Measured(
        at=utc_now(),
        command=shlex.join(["python", "-m", "tests.benchmarks", *sys.argv[1:]]),
        took_s=time.monotonic() - began_s,
        postgres=postgres,
        valkey=valkey,
        rounds=rounds,
        latency=latency,
        gateway=gateway,
        invoice_rounds=invoice_rounds,
        future=chosen.future,
        burndown=burndown,
        documents=documents,
        big=big,
        up_s=up_s,
    )
    page = render(run)
    sys.stdout.write(page)
    if chosen.output:
        chosen.output.write_text(page, encoding="utf-8")
    return 0 if all(each.reached for each in targets(run)) else 1


def _gateway_only(chosen: argparse.Namespace) -> int:
    with data_folder() as folder, running_stack(folder) as environment:
        run = _gateway(environment, Workload(SEED), chosen)
    wanted = gateway_targets(run)
    sys.stdout.write(f"{target_table(wanted)}\n\n{gateway_section(run)}\n")
    return 0 if all(each.reached for each in wanted) else 1


def _events_only(chosen: argparse.Namespace) -> int:
    with data_folder() as folder, running_stack(folder) as environment:
        _say("events")
        run = measure_events(
            environment,
            Workload(SEED),
            deliveries=chosen.deliveries,
            slices=chosen.delivery_slices,
            rows=chosen.events_rows,
            rounds=chosen.events_rounds,
        )
    sys.stdout.write(f"{run.told()}\n")
    return 0


def _relay_only(chosen: argparse.Namespace) -> int:
    with data_folder() as folder, running_stack(folder) as environment:
        _say("events that wait")
        measured = measure_relay(environment, Workload(SEED), events=(_FEW_BEHIND, chosen.behind))
    sys.stdout.writelines(f"{each.told()}\n" for each in measured)
    return 0


def _alerts_only(chosen: argparse.Namespace) -> int:
    with data_folder() as folder, running_stack(folder) as environment:
        _say("alerts of balances")
        seconds, rounds = chosen.alerts_seconds, chosen.alerts_rounds
        run = measure_alerts(environment, Workload(SEED), seconds=seconds, rounds=rounds)
    sys.stdout.write(f"{run.report()}\n")
    return 0


def _documents_only(chosen: argparse.Namespace) -> int:
    run = measure_documents(documents=chosen.documents)
    wanted = documents_targets(run)
    sys.stdout.write(f"{target_table(wanted)}\n\n{run.told()}\n")
    return 0 if all(each.reached for each in wanted) else 1


def _gateway(environment: Environment, workload: Workload, chosen: argparse.Namespace) -> GatewayRun:
    _say("creates over HTTP")
    return measure_gateway(environment, workload, rounds=chosen.gateway_rounds, seconds=chosen.gateway_seconds)


def _rounds(environment: Environment, workload: Workload, chosen: argparse.Namespace) -> list[Round]:
    """Slices of the ways in turn; who goes first changes from round to round."""
    catalog = workload.catalog()
    naive, tuned, trueup, ceiling = (
        environment.tenant(name, catalog) for name in ("naive", "tuned", "trueup", "ceiling")
    )
    lines_of = environment.tenant("usage", catalog)
    rows, of_naive = chosen.rows // chosen.rounds, chosen.naive // chosen.rounds
    warm_up = list(workload.requests(WARM_UP_ROWS))
    run_naive(environment, naive, warm_up[:WARM_UP_NAIVE])
    run_naive(environment, tuned, warm_up[:WARM_UP_NAIVE], queue=QUEUE_TUNED)
    run_trueup(environment, trueup, warm_up)
    run_ceiling(environment, ceiling, warm_up)
    rounds = []
    for number in range(chosen.rounds):
        requests, lines = list(workload.requests(rows)), list(workload.usage(rows))
        ways: dict[str, Callable[[], Slice]] = {
            "naive": lambda: run_naive(environment, naive, requests[:of_naive]),  # noqa: B023 (called at once)
            "tuned": lambda: run_naive(environment, tuned, requests[:of_naive], queue=QUEUE_TUNED),  # noqa: B023
            "trueup": lambda: run_trueup(environment, trueup, requests),  # noqa: B023
            "ceiling": lambda: run_ceiling(environment, ceiling, requests),  # noqa: B023
            "usage": lambda: run_trueup(environment, lines_of, lines, kind="usage"),  # noqa: B023
        }
        turns = _rotated(list(ways), number)
        slices = {name: ways[name]() for name in turns}
        _say(
            f"round {number + 1}: " + ", ".join(f"{name} {each.requests_per_s:,.0f}/s" for name, each in slices.items())
        )
        rounds.append(Round(**slices))
    return rounds


def _rotated(names: Sequence[str], by: int) -> list[str]:
    turn = by % len(names)
    return [*names[turn:], *names[:turn]]


def _invoice_rounds(environment: Environment, workload: Workload, chosen: argparse.Namespace) -> list[InvoiceRound]:
    catalog, rounds = workload.catalog(), chosen.invoice_rounds
    of_naive = chosen.naive_invoices // rounds
    run = InvoiceRun(
        environment,
        trueup=environment.tenant("invoices", catalog, sandbox=True),
        naive=environment.tenant("naive invoices", catalog, sandbox=True),
        tuned=environment.tenant("tuned invoices", catalog, sandbox=True),
    )
    _say(f"seeding {chosen.future:,} obligations")
    run.seed(rounds=rounds, invoices=chosen.invoices, naive_invoices=of_naive, future=chosen.future)
    measured = []
    for number in range(rounds):
        slices = {
            "naive": run.run_naive(of_naive),
            "tuned": run.run_tuned(of_naive),
            "trueup": run.run_trueup(number),
        }
        _say("invoices: " + ", ".join(f"{name} {each.invoices_per_s:,.0f}/s" for name, each in slices.items()))
        measured.append(InvoiceRound(**slices))
    return measured


def _versions(environment: Environment) -> tuple[str, str]:
    with environment.engine.connect() as connection:
        postgres = str(connection.execute(text("SHOW server_version")).scalar_one())
    with redis.Redis.from_url(environment.state.redis) as client:
        valkey = client.info("server")
    return postgres, str(valkey.get("valkey_version", valkey["redis_version"]))


def _say(what: str) -> None:
    sys.stderr.write(f"{utc_now():%H:%M:%S} {what}\n")


if __name__ == "__main__":
    sys.exit(main())
