"""Memory of who brings events on their way, while so many of them wait.

The outbox is filled by hand, a row for each event: the most rows that there can be. The scheduler places them in the
feed; the sender goes after it for an endpoint that asks for all of them, and for one that asks for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from tests.benchmarks.cpu import Meter, processes
from tests.benchmarks.deliveries import make_endpoint, receiving, wait_placed
from tests.benchmarks.environment import Environment
from tests.benchmarks.footprint import peak_of
from tests.benchmarks.workload import Workload

WATCHED = ("scheduler", "deliveries")
_CHUNK = 10_000  # of one statement, all of them in one transaction
_FILL = text("""
    INSERT INTO outbox (account_id, event, subject_ids)
    SELECT :account_id, 'commit.created', ARRAY[gen_random_uuid()] FROM generate_series(1, :events)
""")


@dataclass(frozen=True, slots=True)
class Relayed:
    """So many events that waited, and what placing them took.

    Attributes:
        peaks_mb: RSS at its highest, by kind of process.
        scheduler_us: CPU of the relay's process for each event.
    """

    events: int
    seconds: float
    scheduler_us: float
    peaks_mb: dict[str, float]

    def told(self) -> str:
        """A line of the report."""
        peaks = ", ".join(f"{kind} {each:.0f} MB" for kind, each in self.peaks_mb.items())
        return (
            f"{self.events:,} events behind: placed in {self.seconds:.0f} s, {self.scheduler_us:.1f} µs each; {peaks}"
        )


def measure_relay(environment: Environment, workload: Workload, *, events: Sequence[int]) -> list[Relayed]:
    """Let so many events wait, one number after the other, and watch the same processes catch up."""
    with receiving() as port:
        tenant = environment.tenant("relayed", workload.catalog())
        make_endpoint(environment, tenant, port, enabled=True)
        make_endpoint(environment, tenant, port, enabled=True, types=["invoice.voided"])
        return [_relay(environment, tenant.id, each) for each in events]


def _relay(environment: Environment, account_id: int, events: int) -> Relayed:
    with Meter() as meter:
        with environment.engine.begin() as connection:
            for _ in range(0, events, _CHUNK):
                connection.execute(_FILL, {"account_id": account_id, "events": _CHUNK})
        wait_placed(environment, seconds_max=1_800)
    peaks = {kind: peak_of(process.pid).rss_mb for kind, process in processes() if kind in WATCHED}
    return Relayed(events, meter.cost.seconds, 1e6 * meter.cost.cpu_s["scheduler"] / events, peaks)
