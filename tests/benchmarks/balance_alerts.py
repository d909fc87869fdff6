"""Balance alerts: what judging costs beside usage that comes steadily, and how late what fell low is told.

Each customer's balances are judged once before, as they were when it first used something. Then slices of the same
stream of usage in turn: the worker that gives alerts stands still, or works. What waited meanwhile is given before the
next slice. In the end each threshold that a sum by hand says was reached has been told once.
"""

import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from statistics import median
from typing import Any, Literal

import orjson
from sqlalchemy import text

from tests.benchmarks.cpu import Meter, processes
from tests.benchmarks.environment import Environment, Tenant, wait_until
from tests.benchmarks.requests_run import run_trueup
from tests.benchmarks.workload import Request, Workload
from trueup.clock import utc_now
from trueup.ids import new_id_text
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.names import QUEUE_USAGE
from trueup.wire.message.packing import QueuedRequest, content_of, pack

LINES_PER_S = 278  # 1,000,000 an hour
KINDS = ("workers", "postgres", "scheduler")
_SHARES = (50, 80, 100)
_PRICE = 100
_SECONDS_MAX = 300.0
_LASTS_MAX = 100_000  # times the run: minutes become a year

Way = Literal["still", "alerts"]
WAYS: tuple[Way, ...] = ("still", "alerts")

_IS_DONE = text("""
    SELECT (SELECT count(*) FROM usage_line WHERE account_id = :account_id) = :lines
       AND NOT EXISTS (SELECT FROM usage_arrival WHERE account_id = :account_id)
       AND NOT EXISTS (SELECT FROM balance_watch WHERE account_id = :account_id AND due_at IS NOT NULL)
""")
_TOLD = text("""
    SELECT count(*) FROM outbox CROSS JOIN LATERAL unnest(subject_ids)
     WHERE account_id = :account_id AND event IN ('commit.balance_low', 'commit.exhausted')
""")


@dataclass(frozen=True, slots=True)
class AlertsRun:
    """What was measured.

    Attributes:
        cpu_s: CPU seconds of a slice by way, of all processes but this one.
        late_s: from the last line of a slice until the last balance was judged.
        told: alerts that were given; each of them once.
    """

    cpu_s: Sequence[dict[Way, float]]
    late_s: Sequence[float]
    told: int

    @property
    def extra(self) -> float:
        """CPU of the slices with alerts, as a share of that without, less one."""
        return median(each["alerts"] / each["still"] for each in self.cpu_s) - 1

    def report(self) -> str:
        """The report, as text."""
        slices = "; ".join(f"{each['still']:.1f} s, {each['alerts']:.1f} s" for each in self.cpu_s)
        return (
            f"alerts of balances at {LINES_PER_S} lines/s: {self.extra:+.1%} of CPU (still, alerts: {slices}); "
            f"{self.told:,} told, the last at most {max(self.late_s):.0f} s after its usage"
        )


def measure_alerts(environment: Environment, workload: Workload, *, seconds: float, rounds: int) -> AlertsRun:
    """Run rounds of a slice of each way.

    Args:
        environment: the stack.
        workload: whose customers use something.
        seconds: of a slice.
        rounds: of two slices each.

    Raises:
        AssertionError: a threshold was not told, or twice.
    """
    tenant = environment.tenant("alerts", workload.catalog())
    stream = _Stream(workload, seconds * rounds * len(WAYS))
    run_trueup(environment, tenant, stream.commits())
    _publish(environment, tenant, [stream.first_lines()])
    _wait_done(environment, tenant, stream.sent)
    costs: list[dict[Way, float]] = []
    late_s = []
    for number in range(rounds):
        costs.append({})
        for way in WAYS if number % 2 else reversed(WAYS):
            with _standing_still() if way == "still" else _at_work(), Meter() as meter:
                _send(environment, tenant, stream, seconds)
            costs[-1][way] = sum(meter.cost.cpu_s.get(kind, 0.0) for kind in KINDS)
            late_s.append(_wait_done(environment, tenant, stream.sent))
    told = _count_told(environment, tenant)
    assert told == stream.expected(), (told, stream.expected())
    return AlertsRun(costs, late_s, told)


class _Stream:
    """Usage of customers with a commit each, of such a size that it lasts half as long as the run, or a year."""

    def __init__(self, workload: Workload, seconds: float) -> None:
        self._random = Random(7)
        catalog = workload.catalog()
        self._contracts = [(str(each.customer_id), str(each.id)) for each in catalog.contracts]
        fixed, *usage = (str(each.id) for each in catalog.products)
        self._fixed, self._usage = fixed, usage
        rate = LINES_PER_S / len(self._contracts) * _PRICE
        self._amounts = {
            customer: round(rate * seconds * _LASTS_MAX ** self._random.uniform(-0.06, 1)) + 1
            for customer, _ in self._contracts
        }
        self._used: defaultdict[str, int] = defaultdict(int)

    def commits(self) -> list[Request]:
        """A commit of each customer, which can be used now."""
        start = utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(days=60)
        access = {"starting_at": start.isoformat(), "ending_before": (start + timedelta(days=3_650)).isoformat()}
        return [
            Request(
                orjson.dumps(
                    {
                        "customer_id": customer,
                        "type": "PREPAID",
                        "name": "Commitment",
                        "priority": 1,
                        "product_id": self._fixed,
                        "access_schedule": {"schedule_items": [access | {"amount": self._amounts[customer]}]},
                        "uniqueness_key": new_id_text(),
                    }
                ),
                "created",
            )
            for customer, _ in self._contracts
        ]

    def first_lines(self) -> list[QueuedRequest]:
        """One line of each customer."""
        return [self._line(*each) for each in self._contracts]

    def lines(self, count: int) -> list[QueuedRequest]:
        """The next lines."""
        return [self._line(*self._random.choice(self._contracts)) for _ in range(count)]

    def _line(self, customer: str, contract: str) -> QueuedRequest:
        at = utc_now().replace(minute=0, second=0, microsecond=0).isoformat()
        self._used[customer] += _PRICE
        body: dict[str, Any] = {
            "transaction_id": new_id_text(),
            "customer_id": customer,
            "contract_id": contract,
            "product_id": self._random.choice(self._usage),
            "timestamp": at,
            "quantity": 1,
            "list_price": _PRICE,
        }
        return QueuedRequest(new_id_text(), "usage", None, *content_of(orjson.dumps(body).decode()))

    @property
    def sent(self) -> int:
        """Lines so far."""
        return sum(self._used.values()) // _PRICE

    def expected(self) -> int:
        """Alerts that are due: the shares that each commit has reached, and that it is used up."""
        return sum(
            sum(100 * self._used[customer] >= share * amount for share in (*_SHARES, 100))
            for customer, amount in self._amounts.items()
        )


def _send(environment: Environment, tenant: Tenant, stream: _Stream, seconds: float) -> None:
    _publish(environment, tenant, _each_second(stream, seconds))


def _each_second(stream: _Stream, seconds: float) -> Iterator[list[QueuedRequest]]:
    began = time.monotonic()
    for second in range(round(seconds)):
        time.sleep(max(began + second - time.monotonic(), 0))
        yield stream.lines(LINES_PER_S)


def _publish(environment: Environment, tenant: Tenant, groups: Iterable[list[QueuedRequest]]) -> None:
    signer = Signer.of_token(tenant.token)
    with Publisher(environment.state.broker, account=tenant.name, signer=signer) as publisher:
        for group in groups:
            for packed in pack(group):
                publisher.send(packed, queue=QUEUE_USAGE)


def _wait_done(environment: Environment, tenant: Tenant, lines: int) -> float:
    began = time.monotonic()

    def is_done() -> bool:
        with environment.engine.connect() as connection:
            return bool(connection.scalar(_IS_DONE, {"account_id": tenant.id, "lines": lines}))

    wait_until(is_done, seconds_max=_SECONDS_MAX, interval_s=0.2)
    return time.monotonic() - began


def _count_told(environment: Environment, tenant: Tenant) -> int:
    with environment.engine.connect() as connection:
        return int(connection.scalar(_TOLD, {"account_id": tenant.id}) or 0)


@contextmanager
def _standing_still() -> Iterator[None]:
    stopped = [each for _, each in processes() if each.name().startswith("trueup-invoices")]
    assert stopped
    for each in stopped:
        each.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for each in stopped:
            each.send_signal(signal.SIGCONT)


@contextmanager
def _at_work() -> Iterator[None]:
    yield
