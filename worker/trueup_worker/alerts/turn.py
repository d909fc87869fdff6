"""The use case: an account's turn: what fell due is told, then balances that usage has changed are judged."""

import time

import structlog
from sqlalchemy import Engine

from trueup.limits import ALERTS_TURN_S, USAGE_ARRIVALS_MAX
from trueup_worker.alerts.balances import due_customers, gather, judge_customer
from trueup_worker.alerts.timed import tell_what_fell_due

log = structlog.get_logger()


def give_alerts(on: Engine, account_id: int, *, seconds_max: float = ALERTS_TURN_S) -> int:
    """Give an account's alerts until none is due, or the time is up; each kind of work has one step at least.

    What cannot be told of time keeps no balance from being judged.

    Returns:
        How many customers' balances were judged.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as it is tried again; nothing is lost.
    """
    ends_at = time.monotonic() + seconds_max
    try:
        while tell_what_fell_due(on, account_id) and time.monotonic() < ends_at:
            pass
    except Exception:
        _judge_balances(on, account_id, ends_at=ends_at)
        raise
    return _judge_balances(on, account_id, ends_at=ends_at)


def _judge_balances(on: Engine, account_id: int, *, ends_at: float) -> int:
    while gather(on, account_id) == USAGE_ARRIVALS_MAX and time.monotonic() < ends_at:
        pass
    judged = 0
    while customers := due_customers(on, account_id):
        before = judged
        for customer_id in customers:
            judged += judge_customer(on, account_id, customer_id)
            if time.monotonic() >= ends_at:
                break
        if judged == before or time.monotonic() >= ends_at:
            break
    if judged:
        log.info("balances judged", action="balances_judged", account_id=account_id, customers=judged)
    return judged
