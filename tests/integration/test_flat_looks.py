"""What the scheduler does again and again costs the same, however many accounts there are."""

from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from tests.conftest import by_hand
from tests.integration.explained import explain_all
from trueup.limits import LOOKED_AT_MAX, PROBED_ROWS_MAX
from trueup.store.accounts.next_looks import accounts_to_look_at
from trueup.store.alerts.due import accounts_to_alert
from trueup.store.events.relay import place, trim
from trueup.store.invoices.accounts_due import accounts_due
from trueup.store.invoices.overdue import oldest_due
from trueup.store.postgres.engine import transaction
from trueup.store.requests.awaited_batches import take_awaited
from trueup.store.requests.commit_inserts import forget_idempotency_keys
from trueup.store.requests.create_tries import forget_tries
from trueup.store.requests.kept_envelopes import forget_old_deliveries, take_due
from trueup.store.requests.refused_bodies import forget_bodies
from trueup.store.requests.repeats import forget_answers
from trueup.store.webhooks.deliveries import forget_deliveries
from trueup_worker.local.servers.postgres import SUPERUSER

ACCOUNTS = 3_000
BUFFERS_MAX = 100

# Accounts with something to come, the first with a thousand times as much; a tenth of them are sandboxes.
_ROWS = """
    INSERT INTO account (name, sandbox, clock_at)
    SELECT 'idle ' || n, n % 10 = 0, CASE WHEN n % 10 = 0 THEN timestamptz '2026-01-01Z' END
      FROM generate_series(1, :accounts) AS n;
    INSERT INTO commit (account_id, id, type, customer_id, product_id, priority, rate_type, access_type,
                        access_unit_id, fingerprint, fingerprint_version, created_at)
    SELECT id, gen_random_uuid(), 'PREPAID', gen_random_uuid(), gen_random_uuid(), 1, 'LIST_RATE', 'SPEND',
           gen_random_uuid(), '', 1, now() FROM account;
    INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before, expires)
    SELECT account_id, id, 0, 1, '2030-01-01Z', '2031-01-01Z', true FROM commit;
    INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
                            amount)
    SELECT account_id, gen_random_uuid(), id, n, 'SCHEDULED', '2030-01-01Z',
           timestamptz '2030-01-01Z' + n * interval '1 h', 1, 1, 1
      FROM commit, generate_series(1, CASE WHEN account_id = (SELECT min(id) FROM account) THEN :rows ELSE 1 END) AS n;
    INSERT INTO usage_month (account_id, customer_id, starting_at)
    SELECT account_id, customer_id, date_trunc('month', now(), 'UTC') FROM commit;
    INSERT INTO balance_watch (account_id, customer_id) SELECT account_id, customer_id FROM commit;
    INSERT INTO feed (account_id, last_position) SELECT id, 1 FROM account;
    INSERT INTO webhook_endpoint (account_id, id, url, secret, types, position, state)
    SELECT id, gen_random_uuid(), 'https://example.com', '', '{}', 1, 'enabled' FROM account;
    INSERT INTO webhook_delivery (account_id, endpoint_id, event_id, position, type, subject_id, facts, happened_at,
                                  state, next_attempt_at)
    SELECT account_id, id, gen_random_uuid(), 1, 'commit.created', gen_random_uuid(), '{}', now(), 'waiting',
           now() + interval '1 hour' FROM webhook_endpoint;
    INSERT INTO intake (account_id, digest, meta, requests, queue, size, lease_s, due_at)
    SELECT id, '', '', '', 'commits', 1, 1, now() + interval '1 hour' FROM account
"""

STEPS: Mapping[str, Callable[[Connection], object]] = {
    "work": lambda on: [
        accounts_due(on, accounts_max=9, usage_grace_h=24, rows_max=PROBED_ROWS_MAX, among=among)
        for among in [accounts_to_look_at(on, "work")]
        if among
    ],
    "alerts": lambda on: accounts_to_alert(on, accounts_max=9),
    "relay": lambda on: place(on, rows_max=1_000),
    "batches": take_awaited,
    "sweep": lambda on: take_due(on, limit=50),
    "health": oldest_due,
    "idempotency keys": lambda on: forget_idempotency_keys(on, days=7, limit=1_000),
    "deliveries of envelopes": lambda on: forget_old_deliveries(on, days=7, limit=1_000),
    "answers": lambda on: forget_answers(on, minutes=10, limit=1_000),
    "bodies": lambda on: forget_bodies(on, days=1, limit=1_000),
    "tries": lambda on: forget_tries(on, minutes=10, limit=1_000),
    "deliveries": lambda on: forget_deliveries(on, days=30, limit=1_000),
    "events": lambda on: trim(on, days=30, rows_max=500),
}


def make_accounts(engine: Engine, accounts: int, *, rows: int = 1_000) -> None:
    """Accounts that were looked at: in none of them anything is due."""
    with by_hand(engine) as connection:
        for each in _ROWS.split(";"):
            given = {"accounts": accounts, "rows": rows}
            connection.execute(text(each), {name: value for name, value in given.items() if f":{name}" in each})
        connection.execute(text("INSERT INTO alert_clock SELECT id, now(), now(), now() - interval '1 h' FROM account"))
        connection.execute(text("ANALYZE"))
    for _ in range(2 + accounts // LOOKED_AT_MAX * 4):
        with transaction(engine) as connection:
            assert STEPS["work"](connection) in ([], [[]])
            assert STEPS["alerts"](connection) == []
    vacuum(engine)


def vacuum(engine: Engine) -> None:
    """What is gone from tables goes from their indexes as well."""
    url = engine.url.set(username=SUPERUSER, drivername="postgresql+psycopg")
    superuser = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with superuser.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))


def test_a_look_costs_the_same_however_many_accounts_there_are(database: Engine) -> None:
    """Each step of the scheduler reads a few pages, though thousands of accounts have something to come."""
    make_accounts(database, ACCOUNTS)
    with database.connect() as connection:
        read = {}
        for name, step in STEPS.items():
            read[name] = sum(each.buffers for each in explain_all(connection, partial(step, connection)))
            connection.rollback()
    assert {name: buffers for name, buffers in read.items() if buffers > BUFFERS_MAX} == {}
