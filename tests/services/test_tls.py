"""Servers by TLS: a certificate that nobody vouches for is refused by every client, whatever it is a client for."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from celery import Celery

from tests.conftest import SECRET_KEY
from tests.folders import servers_folder
from tests.services.certificates import Certificates, make_certificates
from tests.services.rabbitmq import rabbitmq
from tests.services.redis_servers import start_tls_redis
from trueup.broker.broker import open_broker
from trueup.broker.examination import examine, listening
from trueup.producer.outcomes.async_hints import OutcomeHints
from trueup.producer.outcomes.hints import Wakeup
from trueup.redis.async_connection import AsyncRedisConnection
from trueup.redis.uniqueness_cache import UniquenessCache
from trueup.settings import read_settings
from trueup_worker.celery.config import celery_config
from trueup_worker.local.external import UnreachableError, check_external
from trueup_worker.local.servers.server import LOOPBACK, free_port
from trueup_worker.local.servers.valkey import ping

# asyncio closes a transport whose handshake failed in a later turn of a loop that has ended by then.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Ask = Callable[[str], None]
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def put(url: str) -> None:
    """As producers, scheduler and gateway do."""
    with closing(open_broker(url)) as broker:
        broker.put(broker.message("commits.create", ["{}", "[]"], queue="probes", headers={}), queue="probes")


def consume(url: str) -> None:
    """As workers do."""
    with Celery("tests", set_as_current=False) as app:
        settings = read_settings(database_url=NOWHERE, broker_url=url, secret_key=SECRET_KEY)
        app.conf.update(celery_config(settings))
        with app.connection_for_read() as connection:
            connection.connect()
            connection.channel().close()


def cache(url: str) -> None:
    """As workers look up keys; what fails is no error of theirs."""
    known = UniquenessCache(url, ttl_s=1)
    known.look_up(1, ["key"])
    if known.failures:
        raise ConnectionError


def send_at_once(url: str) -> None:
    """As the gateway sends, and hears of outcomes, in its loop."""

    async def ask() -> None:
        connection = await AsyncRedisConnection.open(url, connect_s=5)
        try:
            assert await connection.ask("PING") == b"PONG"
        finally:
            connection.close()
            await asyncio.wait([connection.lost])

    asyncio.run(ask())


def wait_for_hints(url: str) -> None:
    """As a producer waits in a thread; without hints it looks for itself."""
    with Wakeup(url, account="acme") as wakeup:
        if wakeup._subscription is None:
            raise ConnectionError


def wait_for_hints_in_a_loop(url: str) -> None:
    """As a producer waits in an event loop."""

    async def subscribe() -> None:
        async with asyncio.timeout(2):
            await OutcomeHints(url, account="acme")._subscribe(url)

    with pytest.raises(TimeoutError):
        asyncio.run(subscribe())


def examine_all(url: str) -> None:
    """As doctor does."""
    assert list(examine(url))


def start_with(url: str) -> None:
    """As `trueup up` asks what its settings name."""
    try:
        check_external({"TRUEUP_BROKER_URL": url})
    except UnreachableError as error:
        raise ConnectionError from error


BOTH: list[Ask] = [put, consume, examine_all, start_with]
OF_REDIS: list[Ask] = [*BOTH, cache, send_at_once, wait_for_hints, wait_for_hints_in_a_loop, ping, listening]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for the servers of the module."""
    with servers_folder() as made:
        yield made


@pytest.fixture(scope="module")
def certificates(folder: Path) -> Certificates:
    """Certificates for this host."""
    return make_certificates(folder / "certificates")


@pytest.fixture(scope="module")
def good_redis(folder: Path, certificates: Certificates) -> Iterator[str]:
    """The URL of a Redis whose certificate is in order."""
    server = start_tls_redis(folder / "good", certificates.cert, certificates.key, certificates.authority)
    yield f"rediss://{LOOPBACK}:{server.port}/0"
    server.stop()


@pytest.fixture(scope="module")
def stray_redis(folder: Path, certificates: Certificates) -> Iterator[str]:
    """The URL of a Redis whose certificate signed itself."""
    server = start_tls_redis(folder / "stray", certificates.stray, certificates.stray_key, certificates.stray)
    yield f"rediss://{LOOPBACK}:{server.port}/0"
    server.stop()


@pytest.fixture(scope="module")
def rabbits(folder: Path, certificates: Certificates) -> Iterator[dict[str, str]]:
    """The URLs of a RabbitMQ, which shows one certificate or the other."""
    urls = {}
    for name, cert, key in (
        ("good", certificates.cert, certificates.key),
        ("stray", certificates.stray, certificates.stray_key),
    ):
        port = free_port()
        files = {"cacertfile": certificates.authority, "certfile": cert, "keyfile": key}
        told = {f"ssl_options.{each}": str(path) for each, path in files.items()}
        told |= {"listeners.ssl.default": str(port), "ssl_options.verify": "verify_none"}
        urls[name] = (port, told)
    with (
        rabbitmq(folder / "rabbit", settings=urls["good"][1]),
        rabbitmq(folder / "stray_rabbit", settings=urls["stray"][1]),
    ):
        yield {name: f"amqps://guest:guest@{LOOPBACK}:{port}//" for name, (port, _) in urls.items()}


@pytest.mark.parametrize("ask", OF_REDIS)
def test_a_redis_that_nobody_vouches_for_is_refused(stray_redis: str, ask: Ask) -> None:
    """Whether it signed its certificate itself, which is refused as long as the URL does not name it."""
    with pytest.raises(Exception, match=r"(?i)certificate verify failed|^$"):
        ask(stray_redis)


@pytest.mark.parametrize("ask", OF_REDIS)
def test_a_redis_whose_authority_is_named_is_taken(good_redis: str, certificates: Certificates, ask: Ask) -> None:
    """By every client, each of which reads the URL's options."""
    ask(f"{good_redis}?ssl_ca_certs={certificates.authority}")


@pytest.mark.parametrize("ask", [put, consume, send_at_once, cache])
def test_a_redis_of_another_name_is_refused(good_redis: str, certificates: Certificates, ask: Ask) -> None:
    """A certificate in order, but for another host."""
    url = good_redis.replace(LOOPBACK, "localhost")
    with pytest.raises(Exception, match=r"(?i)certificate verify failed|^$"):
        ask(f"{url}?ssl_ca_certs={certificates.authority}")


@pytest.mark.parametrize("ask", BOTH)
def test_a_rabbitmq_that_nobody_vouches_for_is_refused(rabbits: dict[str, str], ask: Ask) -> None:
    """By whoever takes from it, puts on it or asks it."""
    with pytest.raises(Exception, match=r"(?i)certificate verify failed|^$"):
        ask(rabbits["stray"])


@pytest.mark.parametrize("ask", BOTH)
def test_a_rabbitmq_whose_authority_is_named_is_taken(
    rabbits: dict[str, str], certificates: Certificates, ask: Ask
) -> None:
    """And one of another name is not."""
    options = f"?ssl_ca_certs={certificates.authority}"
    ask(rabbits["good"] + options)
    with pytest.raises(Exception, match=r"(?i)certificate verify failed|^$"):
        ask(rabbits["good"].replace(f"@{LOOPBACK}", "@localhost") + options)


def test_a_certificate_is_taken_from_anybody_only_where_the_url_says_so(
    stray_redis: str, rabbits: dict[str, str]
) -> None:
    """And doctor tells of it."""
    for url in (stray_redis, rabbits["stray"]):
        found = {finding.check: finding for finding in examine(f"{url}?ssl_cert_reqs=none")}
        assert found["broker certificate"].advice


def test_certificates_verify(certificates: Certificates) -> None:
    """The ground of the other tests: the authority vouches for one and not for the other."""
    context = ssl.create_default_context(cafile=str(certificates.authority))
    assert len(context.get_ca_certs()) == 1
