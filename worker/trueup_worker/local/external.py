"""Services that run elsewhere: do they answer?"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from trueup.addresses import shown_address, without_secrets
from trueup.broker.broker import open_broker
from trueup.errors import Unavailable
from trueup.store.postgres.connecting import Pooler, connect
from trueup.wire.message.names import QUEUE_SINGLE
from trueup_worker.local.servers.valkey import ping

DATABASE_SETTING = "TRUEUP_DATABASE_URL"
DIRECT_SETTING = "TRUEUP_DATABASE_DIRECT_URL"  # the owner's, for migrations alone
POOLER_SETTING = "TRUEUP_DATABASE_POOLER"
BROKER_SETTING = "TRUEUP_BROKER_URL"
REDIS_SETTING = "TRUEUP_REDIS_URL"
_TIMEOUT_S = 5


class UnreachableError(Unavailable):
    """Services that the settings name do not answer; the message has a line for each, without its password."""


def check_external(environ: Mapping[str, str]) -> None:
    """Ask every service that the settings name.

    Raises:
        UnreachableError: names each setting whose service does not answer, its host and port, and the reason.
    """
    checks: dict[str, Callable[[str], None]] = {
        DATABASE_SETTING: partial(_ask_database, pooler=cast("Pooler | None", environ.get(POOLER_SETTING) or None)),
        DIRECT_SETTING: _ask_database,
        BROKER_SETTING: _ask_broker,
        REDIS_SETTING: ping,
    }
    failures = [_failure(setting, environ[setting], ask) for setting, ask in checks.items() if environ.get(setting)]
    if said := [failure for failure in failures if failure]:
        raise UnreachableError("\n".join(said))


def _failure(setting: str, url: str, ask: Callable[[str], None]) -> str | None:
    try:
        ask(url)
    except Exception as error:  # noqa: BLE001 (the drivers share no base class, and each failure is reported)
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return f"{setting}: no service answers at {shown_address(url)}: {without_secrets(reason, url)}"
    return None


def _ask_database(url: str, *, pooler: Pooler | None = None) -> None:
    connect(url, statement_timeout_s=_TIMEOUT_S, pooler=pooler, connect_timeout_s=_TIMEOUT_S).close()


def _ask_broker(url: str) -> None:
    broker = open_broker(url)
    try:
        broker.count(QUEUE_SINGLE)
    finally:
        broker.close()
