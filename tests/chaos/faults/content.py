"""What one tenant sends costs as much as it can, and what everybody sends finds the rows that it needs held."""

import json
from random import Random
from uuid import UUID

from sqlalchemy import text

from tests import bodies
from tests.chaos.faults.fault import Fault
from tests.chaos.load import ACCOUNTS, Planned
from tests.chaos.waiting import last
from tests.chaos.world import World
from trueup.clock import utc_now
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.wire.message.names import QUEUE_BULK
from trueup.wire.message.packing import pack, write_meta

_HEAVY_REQUESTS = 45  # four transactions of each account
_SLOW_S = 4.0  # fewer than five tries take, so that nobody is parked who is innocent later
_TOO_SLOW = """
    CREATE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF new.priority = 100 THEN RAISE EXCEPTION 'takes too long' USING ERRCODE = 'query_canceled'; END IF;
        RETURN new;
    END $$;
    CREATE TRIGGER too_slow BEFORE INSERT ON commit FOR EACH ROW EXECUTE FUNCTION too_slow()
"""


def send_heavy(world: World, rng: Random) -> str:
    """Every account sends a request of 1,190 instalments, and another, until they are 50,000."""
    rows = 0
    for name in ACCOUNTS:
        planned = [_heavy(world, rng, name) for _ in range(_HEAVY_REQUESTS)]
        meta = write_meta(name, sent_at=utc_now())
        packs = pack(each.queued() for each in planned)
        kept = [Kept(meta, each.text, QUEUE_BULK, len(each.requests), each.span) for each in packs]
        with world.engine.begin() as connection:
            accept(connection, world.accounts[name].account_id, kept, lease_s=world.lineup.lease_s, due_now=True)
        rows += len(planned)
    return f"{rows} requests"


def take_too_long(world: World, _: Random) -> str:
    """Postgres ends every statement that makes a commit, for its time, while others pass."""
    world.run(_TOO_SLOW)
    try:
        last(_SLOW_S)
    finally:
        world.run("DROP FUNCTION too_slow CASCADE")
    return f"for {_SLOW_S:.0f} s"


def hold_a_lock(world: World, rng: Random) -> str:
    """Somebody holds a table that all need."""
    table = rng.choice(["segment", "obligation", "invoice"])
    with world.superuser() as connection:
        connection.execute(text("BEGIN"))
        connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
        last(world.scale.lock_s)
        connection.execute(text("COMMIT"))
    return f"{table}, for {world.scale.lock_s:.0f} s"


KINDS: tuple[Fault, ...] = (send_heavy, take_too_long, hold_a_lock)


def _heavy(world: World, rng: Random, name: str) -> Planned:
    """A request in the book whose instalments fall due when nobody looks any more."""
    account = world.book.accounts[name]
    request_id = UUID(int=rng.getrandbits(128), version=4)
    amount = account.next_amount()
    monthly = bodies.recurring(
        starting_at="2101-01-01T00:00:00Z",
        ending_before="2200-03-01T00:00:00Z",
        amount_distribution="EACH",
        amount=amount,
    )
    body = bodies.changed(bodies.invoiced(invoice_schedule={"recurring_schedule": monthly}), bodies.AMOUNT, amount)
    planned = Planned(request_id, "commit", json.dumps(body), "created", None, None, amount, ())
    account.planned[request_id] = planned
    return planned
