"""One look: who has something due, and one task for each of them."""

import math
from collections.abc import Sequence

from sqlalchemy import Engine

from trueup.broker.broker import Broker
from trueup.defaults import USAGE_GRACE_H
from trueup.limits import ALERTS_PAUSE_S, OVERLOOKED_PAUSE_S, PROBED_ROWS_MAX, WHOLE_LOOK_S
from trueup.store.accounts.next_looks import accounts_to_look_at
from trueup.store.alerts.due import accounts_to_alert
from trueup.store.invoices.accounts_due import accounts_due
from trueup.store.postgres.engine import transaction
from trueup.wire.message.names import QUEUE_INVOICES, QUEUE_MAINTENANCE, TASK_ALERT, TASK_ISSUE

ACCOUNTS_MAX = 200  # that one look names


class Looks:
    """The looks of one process: quick ones, and now and then a whole one.

    True-ups and expiries wait for months, tens of thousands of them where usage of the past is brought in. A quick
    look passes over a number of them, as it is made every second, and what stands behind them is found by a whole one.
    """

    def __init__(self) -> None:
        self._whole_at = self._alerts_at = self._overlooked_at = -math.inf

    def rows_max(self, now: float) -> int | None:
        """Bound of the waiting rows that the look made now goes through; None: all of them.

        Args:
            now: seconds of a clock that never goes back.
        """
        if now < self._whole_at + WHOLE_LOOK_S:
            return PROBED_ROWS_MAX
        self._whole_at = now
        return None

    def seeks_alerts(self, now: float) -> bool:
        """Tell whether the look made now is for accounts with alerts, too; `now` as for `rows_max`."""
        if now < self._alerts_at + ALERTS_PAUSE_S:
            return False
        self._alerts_at = now
        return True

    def seeks_overlooked(self, now: float) -> bool:
        """Tell whether every account is to be asked now whether a look will come to it; `now` as for `rows_max`."""
        if now < self._overlooked_at + OVERLOOKED_PAUSE_S:
            return False
        self._overlooked_at = now
        return True


def look(
    on: Engine,
    broker: Broker,
    *,
    accounts_max: int = ACCOUNTS_MAX,
    usage_grace_h: int = USAGE_GRACE_H,
    rows_max: int | None = None,
) -> int:
    """Send one task per account with something to close, expire or issue, the longest overdue first.

    Nothing is sent while a task waits: so each account has one turn in a round, and whoever has hours of work is named
    again only after all others had theirs.

    Args:
        on: the database.
        broker: takes the tasks.
        accounts_max: how many are named in a round.
        usage_grace_h: hours for which a month still takes usage in after its end.
        rows_max: as for `accounts_due`.

    Returns:
        How many tasks were sent.

    Raises:
        DBAPIError: the database is away.
        BrokerLost, BrokerRefused: the broker is away.
    """
    with transaction(on) as connection:
        accounts: Sequence[int] = ()
        if chosen := accounts_to_look_at(connection, "work"):
            accounts = accounts_due(
                connection,
                accounts_max=accounts_max,
                usage_grace_h=usage_grace_h,
                rows_max=rows_max,
                among=chosen,
            )
    return _send(broker, TASK_ISSUE, QUEUE_INVOICES, accounts) if accounts else 0


def look_for_alerts(on: Engine, broker: Broker, *, accounts_max: int = ACCOUNTS_MAX) -> int:
    """Send one task per account in which an alert may be due; as `look`, nothing while a task waits.

    Args:
        on: the database.
        broker: takes the tasks.
        accounts_max: how many are named in a round.

    Returns:
        How many tasks were sent.

    Raises:
        DBAPIError: the database is away.
        BrokerLost, BrokerRefused: the broker is away.
    """
    with transaction(on) as connection:
        accounts = accounts_to_alert(connection, accounts_max=accounts_max)
    return _send(broker, TASK_ALERT, QUEUE_MAINTENANCE, accounts) if accounts else 0


def _send(broker: Broker, task: str, queue: str, accounts: Sequence[int]) -> int:
    if broker.count(queue):
        return 0
    for account_id in accounts:
        broker.put(broker.message(task, [account_id], queue=queue, headers={}), queue=queue)
    return len(accounts)
