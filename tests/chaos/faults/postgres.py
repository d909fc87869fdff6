"""Postgres ends, ends connections, has no more of them, refuses to write, or stands still."""

import signal
from contextlib import ExitStack, suppress
from random import Random

import psycopg
from sqlalchemy import Connection, text

from tests.chaos.faults.fault import Fault
from tests.chaos.waiting import last
from tests.chaos.world import World

_READ_ONLY_S = _EXHAUSTED_S = 2.0
_STILL_S = (2.0, 2.0, 12.0)  # the last is longer than any time-out of those who wait for it


def restart_postgres(world: World, _: Random) -> str:
    """Postgres ends by a fast shutdown and comes back."""
    return world.restart("Postgres", signal.SIGINT)


def crash_postgres(world: World, _: Random) -> str:
    """Postgres ends by an immediate shutdown and comes back after crash recovery."""
    return world.restart("Postgres", signal.SIGQUIT)


def terminate_backends(world: World, rng: Random) -> str:
    """Half of the connections to Postgres are ended by the server."""
    backends = world.rows(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'trueup' AND pid <> pg_backend_pid() ORDER BY pid"
    )
    chosen = rng.sample(backends, len(backends) // 2)
    for (pid,) in chosen:
        world.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    return f"{len(chosen)} of {len(backends)}"


def make_postgres_read_only(world: World, _: Random) -> str:
    """No transaction may write, in connections that are open neither: as after a failover to a standby."""
    with world.superuser() as connection:
        try:
            _set_for_all(connection, "default_transaction_read_only = on")
            last(_READ_ONLY_S)
        finally:
            connection.execute(text("SET default_transaction_read_only = off"))
            _set_for_all(connection, "default_transaction_read_only = off")
    return f"for {_READ_ONLY_S:.0f} s"


def exhaust_connections(world: World, _: Random) -> str:
    """Strangers hold every connection that there may be; ours are ended, and find no place."""
    url = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with world.engine.connect() as own, ExitStack() as strangers:
        taken = _take_all(url, strangers)
        own.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'trueup' AND pid <> pg_backend_pid()"
            )
        )
        taken += _take_all(url, strangers)
        last(_EXHAUSTED_S)
    return f"{taken} for {_EXHAUSTED_S:.0f} s"


def freeze_postgres(world: World, rng: Random) -> str:
    """SIGSTOP for Postgres: connections are open, and nothing is answered, until it goes on."""
    seconds = rng.choice(_STILL_S)
    with world.service_standing_still("Postgres"):
        last(seconds)
    return f"for {seconds:.0f} s"


KINDS: tuple[Fault, ...] = (
    restart_postgres,
    crash_postgres,
    terminate_backends,
    make_postgres_read_only,
    exhaust_connections,
    freeze_postgres,
)


def _set_for_all(connection: Connection, setting: str) -> None:
    connection.execute(text(f"ALTER SYSTEM SET {setting}"))
    connection.execute(text("SELECT pg_reload_conf()"))


def _take_all(url: str, strangers: ExitStack) -> int:
    taken = 0
    with suppress(psycopg.OperationalError):
        while True:
            strangers.enter_context(psycopg.connect(url, application_name="stranger"))
            taken += 1
    return taken
