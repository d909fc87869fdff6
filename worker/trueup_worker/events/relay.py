"""The use case: what was committed gets its place in the feed."""

from collections import Counter

from sqlalchemy import Engine

from trueup.limits import RELAYED_ROUNDS_MAX, RELAYED_ROWS_MAX
from trueup.store.events.relay import place
from trueup.store.postgres.engine import transaction


def relay(on: Engine) -> Counter[str]:
    """Place what waits, some transactions of it; returns how many events of each type were placed.

    Any number of relays is harmless: one works, the others find that it does. One that dies in between has placed
    what it committed, and the next goes on behind that.

    Raises:
        DBAPIError: the database is away.
    """
    placed: Counter[str] = Counter()
    for _ in range(RELAYED_ROUNDS_MAX):
        with transaction(on) as connection:
            step = place(connection, rows_max=RELAYED_ROWS_MAX)
        placed.update({each.type: each.events for each in step})
        if sum(each.rows for each in step) < RELAYED_ROWS_MAX:
            break
    return placed
