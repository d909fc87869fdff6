"""The metrics, all of them: what `/metrics` tells, on whichever process it comes about.

Seconds are floats, of a clock that never goes back where they are durations. `deploy/prometheus` and `deploy/grafana`
name them; a test holds these together.
"""

import platform
from importlib.metadata import version
from typing import get_args

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from trueup.store.requests.parking import Reason
from trueup.wire.events import EVENT_TYPES
from trueup.wire.message.names import QUEUES, TASK_CREATE, TASK_RECORD
from trueup.wire.outcome import Verdict
from trueup_worker.observability.labels import Series

disable_created_metrics()  # type: ignore[no-untyped-call]

STAGES = ("queue", "admit", "judge", "persist", "announce")
STEPS = ("relay", "deliver", "alert", "issue", "sweep", "tidy", "complete_batches")
THREADS = ("database", "burning", "typesetting", "keeping", "asking", "sending", "uploading", "probe")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ANSWERS = ("2xx", "3xx", "4xx", "5xx")

_requests = Counter("trueup_requests", "Requests that were decided, by task and outcome.", ["task", "outcome"])
requests = Series(_requests, (TASK_CREATE, TASK_RECORD), get_args(Verdict))

_envelopes = Counter(
    "trueup_envelopes",
    "Deliveries of envelopes: decided; dismissed (parked whole, halved, or decided before); sent back.",
    ["task", "end"],
)
envelopes = Series(_envelopes, (TASK_CREATE, TASK_RECORD), ("decided", "dismissed", "sent_back"))

_stage = Histogram(
    "trueup_stage_seconds",
    "Seconds of an envelope in each stage: on the queue since it was sent, then in its worker.",
    ["stage"],
    buckets=_SECONDS,
)
stage = Series(_stage, STAGES)

_call = Histogram(
    "trueup_http_seconds",
    "Seconds of a call to the gateway, by path as the OpenAPI document has it, and class of answer.",
    ["route", "answer"],
    buckets=_SECONDS[3:14],
)


def calls(routes: frozenset[str]) -> Series[Histogram]:
    """Calls to the gateway that has these routes."""
    return Series(_call, routes, _ANSWERS, at_once=False)


_waited = Histogram(
    "trueup_database_wait_seconds",
    "Seconds that a unit of work of the gateway waited for a thread, which has a connection.",
    ["threads"],
    buckets=_SECONDS[:13],
)
waited = Series(_waited, THREADS)

_connections = Gauge("trueup_database_connections", "Connections to Postgres of this process.", ["state"])
connections = Series(_connections, ("in_use", "idle"))

_obligations = Counter(
    "trueup_obligations",
    "What became of obligations that fell due: issued (the invoice is finalized), held, …; failed: to be tried again.",
    ["state"],
)
obligations = Series(_obligations, ("issued", "nothing_due", "suppressed", "held", "parked", "failed"))

_events = Counter(
    "trueup_events",
    "Events that got their place in the feed, by type: each once, at whichever scheduler placed it.",
    ["type"],
)
events = Series(_events, EVENT_TYPES)

_deliveries = Counter(
    "trueup_webhook_attempts",
    "Attempts to deliver an event: delivered; waiting (failed, to be tried again); failed (given up).",
    ["result"],
)
deliveries = Series(_deliveries, ("delivered", "waiting", "failed"))

last_look = Gauge("trueup_scheduler_last_look_timestamp_seconds", "When the scheduler last looked, and no step failed.")
_look = Histogram("trueup_scheduler_step_seconds", "Seconds of a step of a look.", ["step"], buckets=_SECONDS[:14])
look = Series(_look, STEPS)
_look_failures = Counter("trueup_scheduler_step_failures", "Steps of looks that failed.", ["step"])
look_failures = Series(_look_failures, STEPS)

log_lines_lost = Gauge("trueup_log_lines_lost", "Log lines that this process could not write.")

build = Gauge("trueup_build_info", "1, with what runs here as labels.", ["version", "python", "process"])

PARKED_REASONS: tuple[str, ...] = get_args(Reason)
ALL_QUEUES = QUEUES


def tell_build(process: str) -> None:
    """Tell what runs in this process."""
    build.labels(version("trueup"), platform.python_version(), process).set(1)
