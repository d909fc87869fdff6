"""`/metrics` of this process, on a port of its own."""

import gc
import os
from collections.abc import Iterable

import structlog
from prometheus_client import start_http_server
from prometheus_client.core import REGISTRY, Metric
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from trueup.readiness import PROCESS_NAME_VARIABLE
from trueup.settings import Settings
from trueup_worker.observability import metrics
from trueup_worker.startup.logging import log_output

OFFSETS = {"gateway": 0, "scheduler": 1, "single": 2, "bulk": 3, "invoices": 4, "events": 5}
"""What is added to TRUEUP_METRICS_PORT, by the process' name in the Procfile."""

_OFFSET_OF_OTHERS = 6  # workers under names of their own
_NEXT = 10  # from one process of a name to the next on the same host
_PORT_MAX = 65_535
_GARBAGE_MAX = 20_000  # objects made since; the collector is off in workers, and an idle one has nothing else made

log = structlog.get_logger()


def serve_metrics(settings: Settings, kind: str, *, engine: Engine) -> None:
    """Serve the metrics of this process until it ends, if the settings name a port; to be called after any fork.

    Where the port cannot be had, that is logged, and all work goes on.

    Args:
        settings: the base port, and the address.
        kind: the process' name in the Procfile.
        engine: whose connections are told.
    """
    if settings.metrics_port is None:
        return
    name = os.environ.get(PROCESS_NAME_VARIABLE) or kind
    port = port_of(settings.metrics_port, kind, name=name)
    metrics.tell_build(kind)
    metrics.log_lines_lost.set_function(lambda: log_output(settings.log_format).lost_lines)
    _tell_connections(engine)
    REGISTRY.register(_Collected())
    try:
        if port > _PORT_MAX:
            raise OSError(f"there is no port {port}")
        start_http_server(port, settings.metrics_host)
    except OSError as error:
        log.warning("metrics are not served", action="metrics_not_served", port=port, error=str(error))


def port_of(base: int, kind: str, *, name: str) -> int:
    """The port of a process: of its kind, and ten further for each before it on this host.

    Args:
        base: TRUEUP_METRICS_PORT.
        kind: its name in the Procfile.
        name: its own, such as `bulk.2`.
    """
    number = name.rpartition(".")[2]
    before = int(number) - 1 if number.isdecimal() and int(number) else 0
    return base + OFFSETS.get(kind, _OFFSET_OF_OTHERS) + _NEXT * before


def _tell_connections(engine: Engine) -> None:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    metrics.connections.of("in_use").set_function(pool.checkedout)
    metrics.connections.of("idle").set_function(pool.checkedin)


class _Collected:
    """No metric: collects what reading the metrics left behind, where the collector is off."""

    def describe(self) -> Iterable[Metric]:
        """Nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Collect garbage, if there is much."""
        if gc.get_count()[0] > _GARBAGE_MAX:
            gc.collect()
        return ()
