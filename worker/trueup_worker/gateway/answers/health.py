"""Health: whether the process lives, whether it takes calls, and how the whole stands."""

from collections.abc import Mapping
from typing import Literal, Self

from trueup_worker.gateway.http.answer import Answer

Status = Literal["ok", "unavailable"]

_GOOD = {"running": True, "database": True, "queue": True, "workers": True, "calls_answered": True}
_WITHOUT_QUEUE = _GOOD | {"queue": False, "workers": False}


class Alive(Answer):
    """The process answers."""

    status: Literal["ok"]

    @classmethod
    def example(cls) -> Self:
        """Only answer that there is."""
        return cls(status="ok")


class Ready(Answer):
    """Conditions that must hold so that calls are taken."""

    status: Status
    checks: Mapping[str, bool]

    @classmethod
    def of(cls, checks: Mapping[str, bool]) -> Self:
        """Health as it was found, and what is lost of the log."""
        return cls(status=_status(checks), checks=checks)

    @classmethod
    def example(cls) -> Self:
        """State in which all holds."""
        return cls.of(_GOOD)

    @classmethod
    def example_of_unavailable(cls) -> Self:
        """The queue is away."""
        return cls.of(_WITHOUT_QUEUE)


class WebhooksHealth(Answer):
    """Numbers of webhooks.

    Attributes:
        enabled: those that are delivered to.
        switched_off: those that answered 410, or took nothing for five days.
        failing: enabled ones that have taken nothing for a quarter of an hour.
        events_behind: of the feeds, of any type, that enabled ones have not come to yet.
        overdue_seconds: for how long something has been due at an enabled one of which nothing was tried; 0: at none.
    """

    enabled: int
    switched_off: int
    failing: int
    events_behind: int
    overdue_seconds: float

    @classmethod
    def example(cls) -> Self:
        """All take what they are sent."""
        return cls(enabled=3, switched_off=0, failing=0, events_behind=12, overdue_seconds=0.0)


class Health(Answer):
    """Health of the whole.

    Attributes:
        checks: what must hold so that calls are taken.
        backlog: how many envelopes wait on each queue; null: the queue does not answer.
        oldest_due_obligation_seconds: since the oldest obligation fell due that is not settled.
        events_behind_seconds: for how long the oldest event has waited for its place in the feed; 0: none waits.
        log_lines_lost: in this process.
        webhooks: of all accounts; null: the database does not answer.
    """

    status: Status
    checks: Mapping[str, bool]
    backlog: Mapping[str, int] | None
    oldest_due_obligation_seconds: float | None
    events_behind_seconds: float | None
    log_lines_lost: int
    webhooks: WebhooksHealth | None

    @classmethod
    def of(
        cls,
        checks: Mapping[str, bool],
        backlog: Mapping[str, int] | None,
        *,
        oldest_due_s: float | None,
        events_behind_s: float | None,
        lost: int,
        webhooks: WebhooksHealth | None,
    ) -> Self:
        """Health as it was found, and what is lost of the log."""
        return cls(
            status=_status(checks),
            checks=checks,
            backlog=backlog,
            oldest_due_obligation_seconds=None if oldest_due_s is None else round(oldest_due_s, 3),
            events_behind_seconds=None if events_behind_s is None else round(events_behind_s, 3),
            log_lines_lost=lost,
            webhooks=webhooks,
        )

    @classmethod
    def example(cls) -> Self:
        """State in which all holds."""
        backlog = {"commits": 2, "commits.bulk": 0, "usage": 0, "invoices": 0, "events": 0}
        webhooks = WebhooksHealth.example()
        return cls.of(_GOOD, backlog, oldest_due_s=0.412, events_behind_s=0.0, lost=0, webhooks=webhooks)

    @classmethod
    def example_of_unavailable(cls) -> Self:
        """The queue is away."""
        webhooks = WebhooksHealth.example()
        return cls.of(_WITHOUT_QUEUE, None, oldest_due_s=0.412, events_behind_s=0.0, lost=0, webhooks=webhooks)


def _status(checks: Mapping[str, bool]) -> Status:
    return "ok" if all(checks.values()) else "unavailable"
