"""The use case: what is due is settled, exactly once. Months are closed and segments expire before that."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from trueup.defaults import ISSUE_ROWS, USAGE_GRACE_H
from trueup.limits import ISSUE_ATTEMPTS_MAX
from trueup.store.invoices.obligations import Claimed, claim_due, claim_these, close_relied, count_failure, settle
from trueup.store.postgres.engine import transaction
from trueup.store.postgres.errors import primary_message
from trueup.store.postgres.fault import Fault, fault_of
from trueup.store.postgres.retry import with_retries
from trueup_worker.invoicing.close import close_all_due
from trueup_worker.invoicing.expire import expire_all_due
from trueup_worker.invoicing.holds import holds_of

ISSUE_SECONDS_MAX = 30.0

Claim = Callable[[Connection], Sequence[Claimed]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Issued:
    """Result of claimed obligations; `failed` counts tries after which the row is still pending."""

    issued: int = 0
    nothing_due: int = 0
    suppressed: int = 0
    held: int = 0
    parked: int = 0
    failed: int = 0

    def __add__(self, other: "Issued") -> "Issued":
        return Issued(
            self.issued + other.issued,
            self.nothing_due + other.nothing_due,
            self.suppressed + other.suppressed,
            self.held + other.held,
            self.parked + other.parked,
            self.failed + other.failed,
        )


def issue_all_due(
    on: Engine,
    account_id: int,
    *,
    rows_max: int = ISSUE_ROWS,
    usage_grace_h: int = USAGE_GRACE_H,
    seconds_max: float = ISSUE_SECONDS_MAX,
) -> Issued:
    """All that is due in an account: closes months, lets segments expire, then settles obligations.

    In this order: a true-up waits for the months of its access, and bills what their deductions left. Goes on until
    nothing due is left that is free, or the time is up, which leaves each kind of work one step at least.

    Returns:
        What became of obligations.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as it is tried again; nothing is lost.
    """
    ends_at = time.monotonic() + seconds_max
    close_all_due(on, account_id, usage_grace_h=usage_grace_h, seconds_max=seconds_max)
    left_s = ends_at - time.monotonic()
    expire_all_due(on, account_id, usage_grace_h=usage_grace_h, rows_max=rows_max, seconds_max=left_s)
    total = Issued()
    while (step := issue_due(on, account_id, rows_max=rows_max, usage_grace_h=usage_grace_h)) != Issued():
        total += step
        if time.monotonic() >= ends_at:
            break
    if total != Issued():
        log.info(
            "invoices issued",
            action="invoices_issued",
            account_id=account_id,
            issued=total.issued,
            nothing_due=total.nothing_due,
            suppressed=total.suppressed,
            held=total.held,
            parked=total.parked,
        )
    return total


def issue_due(on: Engine, account_id: int, *, rows_max: int = ISSUE_ROWS, usage_grace_h: int = USAGE_GRACE_H) -> Issued:
    """Settle up to `rows_max` due obligations in one transaction; by halves when one of them makes it fail.

    Any number of callers at once is safe: each claims rows that no other holds.
    """

    def claim(connection: Connection) -> Sequence[Claimed]:
        return claim_due(connection, account_id, rows_max=rows_max, usage_grace_h=usage_grace_h)

    return _settle_claim(on, account_id, claim, usage_grace_h)


def settle_claimed(connection: Connection, account_id: int, claimed: Sequence[Claimed]) -> Issued:
    """Settle what the caller's transaction has claimed.

    Closing a usage month, voiding and making anew wait for the locks of these true-ups, so that what is judged here
    stands until the transaction ends.
    """
    ready = close_relied(connection, account_id, claimed)
    true_ups = [each.id for each in ready if each.customer_id]
    held = {key: hold.reason for key, hold in holds_of(connection, account_id, true_ups).items()}
    return Issued(**settle(connection, account_id, ready, held))


def _settle_claim(on: Engine, account_id: int, claim: Claim, usage_grace_h: int) -> Issued:
    claimed: Sequence[Claimed] = ()

    def unit() -> Issued:
        nonlocal claimed
        with transaction(on) as connection:
            claimed = claim(connection)
            return settle_claimed(connection, account_id, claimed) if claimed else Issued()

    try:
        settled = with_retries(unit)
    except DBAPIError as error:
        if fault_of(error, on) not in (Fault.REFUSED, Fault.COSTLY):
            raise
        return _settle_by_halves(on, account_id, [each.id for each in claimed], error, usage_grace_h)
    commits = [str(each.commit_id) for each in claimed]
    log.debug("obligations settled", action="obligations_settled", account_id=account_id, commits=commits)
    return settled


def _settle_by_halves(
    on: Engine, account_id: int, claimed: Sequence[UUID], error: DBAPIError, usage_grace_h: int
) -> Issued:
    """Find the row to blame: its neighbours are settled, it is charged with a failed try."""
    if len(claimed) == 1:
        return _charge(on, account_id, claimed[0], error)
    middle = len(claimed) // 2
    first, second = (_settle_these(on, account_id, ids, usage_grace_h) for ids in (claimed[:middle], claimed[middle:]))
    return first + second


def _settle_these(on: Engine, account_id: int, ids: Sequence[UUID], usage_grace_h: int) -> Issued:
    def claim(connection: Connection) -> Sequence[Claimed]:
        return claim_these(connection, account_id, ids, usage_grace_h=usage_grace_h)

    return _settle_claim(on, account_id, claim, usage_grace_h)


def _charge(on: Engine, account_id: int, obligation_id: UUID, error: DBAPIError) -> Issued:
    reason = primary_message(error)

    def unit() -> str:
        with transaction(on) as connection:
            return count_failure(connection, account_id, obligation_id, reason=reason, attempts_max=ISSUE_ATTEMPTS_MAX)

    parked = with_retries(unit) == "parked"
    log.warning(
        "obligation parked" if parked else "obligation failed",
        action="obligation_parked" if parked else "obligation_failed",
        account_id=account_id,
        obligation_id=str(obligation_id),
        reason=reason,
    )
    return Issued(parked=1) if parked else Issued(failed=1)
