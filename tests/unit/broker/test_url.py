"""What a broker's URL says is what each library is told; and nobody else looks at its scheme."""

import re
import ssl
from pathlib import Path

import pytest

from trueup.broker.celery_settings import celery_settings
from trueup.broker.schemes import SCHEMES
from trueup.broker.url import BrokerUrl

ROOT = Path(__file__).parents[3]
SOURCES = [path for root in ("shared", "worker") for path in sorted((ROOT / root).rglob("*.py"))]
_NAMES = "|".join(SCHEMES)
TESTED = re.compile(
    rf"""(?:==|!=|\bin) *[(\[{{]?["'](?:{_NAMES})["']|["'](?:{_NAMES})(?::|://)["']|\.startswith\(\(?["'](?:{_NAMES})"""
)


def test_nobody_else_tests_the_scheme_of_a_broker() -> None:
    """The names of the schemes stand as values in the module of brokers alone."""
    own = ROOT / "shared" / "trueup" / "broker"
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        if own not in path.parents
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if TESTED.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("url", "hosts", "place"),
    [
        ("redis://:p%40ss@[::1]:6380/3", (("::1", 6380),), (3, "", "/")),
        ("rediss://host", (("host", 6379),), (0, "", "/")),
        ("sentinel://:pw@a,b:26380/main", (("a", 26379), ("b", 26380)), (0, "main", "/")),
        ("sentinel://a/main/2", (("a", 26379),), (2, "main", "/")),
        ("amqp://me:pw@host//", (("host", 5672),), (0, "", "/")),
        ("amqps://me:pw@a,b:5000/%2Fbilling", (("a", 5671), ("b", 5000)), (0, "", "/billing")),
        ("amqp://host", (("host", 5672),), (0, "", "/")),
    ],
)
def test_a_url_is_taken_apart(url: str, hosts: tuple[tuple[str, int], ...], place: tuple[int, str, str]) -> None:
    """Hosts with the ports of their scheme; the database, the master and the virtual host."""
    read = BrokerUrl.read(url)
    assert read.hosts == hosts
    assert (read.database, read.master, read.virtual_host) == place


def test_celery_is_told_to_verify() -> None:
    """By TLS a certificate is required, with the host's name in it, of Redis as of RabbitMQ."""
    redis = celery_settings("rediss://:pw@host/1?ssl_ca_certs=/ca.pem", visibility_timeout_s=9)
    assert redis["broker_url"] == "redis://:pw@host:6379/1"
    assert redis["broker_use_ssl"] == {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": "/ca.pem",
        "ssl_certfile": None,
        "ssl_keyfile": None,
    }
    rabbitmq = celery_settings("amqps://me:p%2Fw@host/%2Fbilling", visibility_timeout_s=9)
    assert rabbitmq["broker_url"] == "amqp://me:p%2Fw@host:5671/%2Fbilling"
    assert rabbitmq["broker_use_ssl"] == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "host"}
    assert celery_settings("redis://host", visibility_timeout_s=9)["broker_use_ssl"] is None


def test_celery_is_told_of_the_sentinels() -> None:
    """Each as a URL of its own, as kombu takes them; the master's name and the sentinels' password beside them."""
    told = celery_settings("sentinel://:pw@a,b:26380/main/2?sentinel_password=other", visibility_timeout_s=9)
    assert told["broker_url"] == "sentinel://:pw@a:26379/2;sentinel://:pw@b:26380/2"
    options = told["broker_transport_options"]
    assert (options["master_name"], options["sentinel_kwargs"]["password"]) == ("main", "other")
    assert options["visibility_timeout"] == 9


def test_a_certificate_is_only_taken_from_anybody_if_the_url_says_so() -> None:
    """And then without its name."""
    url = "amqps://host/?ssl_cert_reqs=none"
    assert celery_settings(url, visibility_timeout_s=9)["broker_use_ssl"] == {"cert_reqs": ssl.CERT_NONE}
