"""Checks of `trueup doctor`. Each asks the real thing and says what to do when the answer is wrong."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from urllib.error import HTTPError
from urllib.request import urlopen

from sqlalchemy import text

from trueup.broker.broker import broker_address
from trueup.broker.examination import examine, listening
from trueup.clock import utc_now
from trueup.limits import WEBHOOK_FAILING_TOLD_S, WEBHOOK_OVERDUE_TOLD_S
from trueup.producer.publish import Publisher
from trueup.settings import PREFIX, Settings, SettingsError
from trueup.store.accounts.secret_key import WrongSecretKey, require_secret_key
from trueup.store.events.relay import lag_s
from trueup.store.invoices.overdue import unfinished
from trueup.store.postgres.engine import transaction
from trueup.store.postgres.migrate import pending_revisions
from trueup.store.postgres.roles.connected import connected_role
from trueup.store.postgres.roles.names import APP
from trueup.store.webhooks.endpoints import switched_off
from trueup.store.webhooks.standing import standing
from trueup.wire.message.names import QUEUES
from trueup_worker.cli.stack.project import project_file
from trueup_worker.cli.terminal.context import Session
from trueup_worker.cli.terminal.exits import message_of
from trueup_worker.local.servers.valkey import ping

# Variables with our prefix that are no settings of the services.
OWN_VARIABLES = frozenset(PREFIX + name for name in ("DATA", "TOKEN", "DEBUG", "READY_DIR", "PROCESS_NAME", "COMPLETE"))
_KEEPING = ("fsync", "synchronous_commit", "full_page_writes")
_RIGHTS_TOLD_MAX = 5
CLOCK_SECONDS_MAX = 30.0
FREE_MB_MIN = 200
EVENTS_LAG_S_MAX = 60.0
_ADVICE_GATEWAY = "workers: start them; calls_answered: restart the gateway, and report its log; else see that check"
_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check; `advice` says what to do, and is empty when all is well."""

    check: str
    found: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether there is nothing to do."""
        return not self.advice


def run_checks(here: Session, environ: Mapping[str, str]) -> Iterator[Check]:
    """All checks, one after the other; without settings nothing else can be asked."""
    yield from _variables(environ)
    settings = _settings(here)
    yield settings
    if settings.ok:
        for check in _CHECKS:
            yield from _asked(check, here)


def _asked(check: Callable[[Session], Iterator[Check]], here: Session) -> Iterator[Check]:
    """A check that cannot be made has failed."""
    try:
        yield from check(here)
    except Exception as error:  # noqa: BLE001 (whatever a service does, the doctor tells it)
        yield Check(check.__name__.strip("_"), message_of(error), "is it up, and does its setting name it?")


def _variables(environ: Mapping[str, str]) -> Iterator[Check]:
    known = OWN_VARIABLES | {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}?" if near else "see `trueup config show`"
            yield Check("variables", f"{name} is not a setting", f"{meant} Unset it otherwise")


def _settings(here: Session) -> Check:
    try:
        settings = here.settings
    except SettingsError as error:
        return Check("settings", str(error), "set what is missing, correct what is wrong")
    except Exception as error:  # noqa: BLE001 (nothing runs, or the folder cannot be read: the message says it)
        return Check("settings", str(error), "start it, or name the services")
    if not settings.require_signature:
        advice = "unset TRUEUP_REQUIRE_SIGNATURE, unless nobody else reaches the broker"
        return Check("settings", "unsigned messages are accepted", advice)
    return Check("settings", "complete")


def _database(here: Session) -> Iterator[Check]:
    with transaction(here.engine) as connection:
        version = connection.scalar(text("SHOW server_version"))
        kept = {name: str(connection.scalar(text(f"SHOW {name}"))) for name in _KEEPING}
    reached = " by a pooler" if here.settings.database_pooler else ""
    yield Check("database", f"PostgreSQL {version} answers{reached}")
    off = [name for name, value in kept.items() if value == "off"]
    if off:
        must = f"set {', '.join(f'{name} = on' for name in off)} in its configuration, or for its database and roles"
        yield Check("database disk", f"{', '.join(off)} off: when its machine stops, what was accepted is lost", must)
    else:
        yield Check("database disk", "a commit is on disk")


def _migrations(here: Session) -> Iterator[Check]:
    with transaction(here.engine) as connection:
        pending = pending_revisions(connection)
    if pending:
        yield Check(
            "migrations", f"not run yet: {', '.join(pending)}", "run `trueup migrate`, or restart with `trueup up`"
        )
    else:
        yield Check("migrations", "all have run")


def _role(here: Session) -> Iterator[Check]:
    with transaction(here.engine) as connection:
        role = connected_role(connection)
    if role.lacking:
        must = "run `trueup migrate` as the role that owns the tables, which grants"
        told = ", ".join(role.lacking[:_RIGHTS_TOLD_MAX])
        more = f" and {len(role.lacking) - _RIGHTS_TOLD_MAX} more" if len(role.lacking) > _RIGHTS_TOLD_MAX else ""
        yield Check("role", f"{role.name} lacks {told}{more}", must)
    elif role.excess:
        yield Check("role", f"{role.name} {'; '.join(role.excess)}", f"connect as {APP}, once `trueup migrate` has run")
    else:
        yield Check("role", f"{role.name}: can neither change the schema nor rewrite history")


def _secret_key(here: Session) -> Iterator[Check]:
    with transaction(here.engine) as connection:
        try:
            require_secret_key(connection, here.secret_key)
        except WrongSecretKey as error:
            yield Check("secret key", "another than this database's", str(error))
        else:
            yield Check("secret key", "the one that the tokens are sealed under")


def _clock(here: Session) -> Iterator[Check]:
    with transaction(here.engine) as connection:
        there = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart_s = abs((utc_now() - there).total_seconds())
    advice = "" if apart_s <= CLOCK_SECONDS_MAX else "set both clocks by NTP: signatures carry the time"
    yield Check("clock", f"{apart_s:.1f} s from the database's", advice)


def _token(here: Session) -> Iterator[Check]:
    caller = here.caller("read")
    yield Check("token", f"account {caller.account}, key {caller.key_id}: {', '.join(sorted(caller.scopes))}")


def _broker(here: Session) -> Iterator[Check]:
    for finding in examine(here.settings.broker_url):
        yield Check(*finding)


def _cache(here: Session) -> Iterator[Check]:
    if here.settings.redis_url is None:
        yield Check("cache", "none: duplicates are found by Postgres alone, more slowly")
        return
    ping(here.settings.redis_url)
    yield Check("cache", f"answers at {broker_address(here.settings.redis_url)}")


def _backlog(here: Session) -> Iterator[Check]:
    with _publisher(here) as publisher:
        waiting = {queue: publisher.backlog(queue) for queue in QUEUES}
    told = ", ".join(f"{queue} {count}" for queue, count in waiting.items() if count) or "empty"
    full = any(count >= here.settings.queue_limit for count in waiting.values())
    yield Check("queues", told, "start more workers: producers wait or are refused" if full else "")


def _workers(here: Session) -> Iterator[Check]:
    count = listening(here.settings.broker_url)
    advice = "" if count else "start them: `trueup up`, or the Procfile's processes"
    yield Check("workers", f"{count} listen", advice)


def _processes(here: Session) -> Iterator[Check]:
    """Check the processes of a stack in the data folder: each that takes work has left its name there."""
    if here.state is None:
        return
    lines = project_file("Procfile").read_text(encoding="utf-8").splitlines()
    expected = {name for name, separator, _ in (line.partition(":") for line in lines) if separator}
    ready = {file.name.partition(".")[0] for file in here.folder.ready.iterdir()}
    if missing := ", ".join(sorted(expected - ready)):
        yield Check("processes", f"not ready: {missing}", f"see their logs in {here.folder.log}")
    else:
        yield Check("processes", f"ready: {', '.join(sorted(expected))}")


def _invoicing(here: Session) -> Iterator[Check]:
    """Check whether something of the token's account waits for an operator."""
    caller = here.caller("read")
    with transaction(here.engine) as connection:
        found = unfinished(connection, caller.account_id)
    if not found.held and not found.void:
        yield Check("invoicing", "no true-up is held, no void usage waits")
        return
    told = f"true-ups held: {len(found.held)}, void usage that nothing replaces: {len(found.void)}"
    first = (found.held or found.void)[0]
    advice = f"`trueup invoices show {first}` says why; regenerate, correct or release it"
    yield Check("invoicing", told, advice)


def _events(here: Session) -> Iterator[Check]:
    with transaction(here.engine) as connection:
        behind_s = lag_s(connection)
    advice = "" if behind_s <= EVENTS_LAG_S_MAX else "start a scheduler, which gives events their places; see its log"
    yield Check("events", f"{behind_s:.0f} s behind" if behind_s else "all are in the feed", advice)


def _webhooks(here: Session) -> Iterator[Check]:
    """Check whether the webhooks of the token's account take what they are sent."""
    caller = here.caller("read")
    with transaction(here.engine) as connection:
        off = switched_off(connection, caller.account_id)
        now = standing(connection, caller.account_id, failing_for=timedelta(seconds=WEBHOOK_FAILING_TOLD_S))
    told = f"{now.enabled} enabled, {now.events_behind} events behind, {now.failing} failing"
    if now.overdue_seconds > WEBHOOK_OVERDUE_TOLD_S:
        waits = f"{told}; deliveries have been due for {now.overdue_seconds:.0f} s, and nobody tries them"
        yield Check("webhooks", waits, "start a worker of the queue events, as the Procfile's process `events`")
    elif off:
        why = "answered 410" if off[0].reason == "gone" else "failed for days"
        advice = f"mend the receiver of {off[0].url}, then `trueup webhooks change {off[0].id} --on`; or delete it"
        yield Check("webhooks", f"{told}; {now.switched_off} switched off: {off[0].id} {why}", advice)
    else:
        yield Check("webhooks", told, "`trueup webhooks list` and `show ID` say which, and why" if now.failing else "")


def _publisher(here: Session) -> Publisher:
    return Publisher(str(here.settings.broker_url), account="", signer=None, retry_s=_TIMEOUT_S)


def _gateway(here: Session) -> Iterator[Check]:
    """Check whether the gateway of this stack takes calls; one that runs elsewhere is asked there."""
    url = here.state.http if here.state else None
    if url is not None:
        try:
            with urlopen(f"{url}/readyz", timeout=_TIMEOUT_S):  # noqa: S310 (our own URL)
                yield Check("gateway", f"takes calls at {url}")
        except HTTPError as refused:
            checks = json.loads(refused.read())["checks"]
            missing = ", ".join(name for name, holds in checks.items() if not holds)
            yield Check("gateway", f"takes no calls at {url}: {missing}", _ADVICE_GATEWAY)


def _disk(here: Session) -> Iterator[Check]:
    """Check the disk of a stack in the data folder: its logs and its data have room."""
    if here.state is None:
        return
    free_mb = shutil.disk_usage(here.folder.log).free // 1_000_000
    advice = "" if free_mb >= FREE_MB_MIN else f"make room in {here.folder.path}: logs are lost, then nothing is stored"
    yield Check("disk", f"{free_mb:,} MB free", advice)


_CHECKS = (
    _database,
    _migrations,
    _role,
    _secret_key,
    _clock,
    _token,
    _broker,
    _cache,
    _backlog,
    _workers,
    _processes,
    _gateway,
    _invoicing,
    _events,
    _webhooks,
    _disk,
)
