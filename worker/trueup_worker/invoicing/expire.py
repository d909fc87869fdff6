"""The use case: what is left of prepaid commits and credits expires with their access."""

import time

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from trueup.defaults import ISSUE_ROWS, USAGE_GRACE_H
from trueup.store.commits.expiry import expire
from trueup.store.postgres.engine import transaction
from trueup.store.postgres.fault import Fault, fault_of
from trueup.store.postgres.retry import with_retries

EXPIRE_SECONDS_MAX = 30.0

log = structlog.get_logger()


def expire_all_due(
    on: Engine,
    account_id: int,
    *,
    usage_grace_h: int = USAGE_GRACE_H,
    rows_max: int = ISSUE_ROWS,
    seconds_max: float = EXPIRE_SECONDS_MAX,
) -> int:
    """Expire ended segments, `rows_max` in a transaction, until none is left or the time is up; returns how many.

    A segment that ended with nothing left is done with, too, and counted. Any number of callers at once is safe.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as it is tried again; nothing is lost.
    """
    ends_at = time.monotonic() + seconds_max
    total = 0

    while expired := _expire_some(on, account_id, rows_max=rows_max, usage_grace_h=usage_grace_h):
        total += expired
        if time.monotonic() >= ends_at:
            break
    if total:
        log.info("segments expired", action="segments_expired", account_id=account_id, segments=total)
    return total


def _expire_some(on: Engine, account_id: int, *, rows_max: int, usage_grace_h: int) -> int:
    """Expire up to `rows_max`, or half as many where these are too much for one transaction."""

    def unit() -> int:
        with transaction(on) as connection:
            return expire(connection, account_id, rows_max=rows_max, usage_grace_h=usage_grace_h)

    try:
        return with_retries(unit)
    except DBAPIError as error:
        if rows_max == 1 or fault_of(error, on) is not Fault.COSTLY:
            raise
    return _expire_some(on, account_id, rows_max=rows_max // 2, usage_grace_h=usage_grace_h)
