"""URLs of brokers and caches, judged part by part: what is wrong with one is said with its cure, without its secrets.

redis://:password@host:6379/0                        rediss://…: by TLS
sentinel://:password@host:26379,host:26379/master/0  by TLS where an option of it says how
amqp://user:password@host:5672,host:5672/vhost       amqps://…: by TLS
"""

import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from trueup.broker.schemes import SCHEMES, Product
from trueup.service_urls import options_of, require_form, require_known

_REQUIREMENTS = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_TLS_OPTIONS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")
_SENTINEL_OPTIONS = ("sentinel_password", "sentinel_username")
_CACHES: tuple[Product, ...] = ("redis", "sentinel")
_BROKERS: tuple[Product, ...] = (*_CACHES, "rabbitmq")
_HOST = re.compile(r"(?P<name>\[[^\]]+\]|[^:]*)(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class Tls:
    """Verification of the server's certificate, and the one that is shown to it.

    Attributes:
        required: as of `ssl_cert_reqs`: required, optional or none.
        checks_name: whether the certificate must bear the host's name.
        ca_certs: file of the authorities that are trusted; None: those of the system.
        certfile: file of our own certificate.
        keyfile: file of its key.
    """

    required: str = "required"
    checks_name: bool = True
    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None

    @property
    def verifies(self) -> bool:
        """Tell whether any certificate is refused."""
        return self.required != "none"

    def of_redis(self) -> dict[str, Any]:
        """Options of redis-py, and of kombu's transport for Redis."""
        return {
            "ssl_cert_reqs": self.required,
            "ssl_check_hostname": self.checks_name and self.verifies,
            "ssl_ca_certs": self.ca_certs,
            "ssl_certfile": self.certfile,
            "ssl_keyfile": self.keyfile,
        }

    def of_amqp(self, host: str) -> dict[str, Any]:
        """Options of py-amqp, which verifies the certificate only where it is told to, and for the host it is told."""
        files = {"ca_certs": self.ca_certs, "certfile": self.certfile, "keyfile": self.keyfile}
        named = {"server_hostname": host} if self.checks_name and self.verifies else {}
        return {
            "cert_reqs": _REQUIREMENTS[self.required],
            **named,
            **{name: file for name, file in files.items() if file},
        }


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """URL of a broker, or of a cache, taken apart.

    Attributes:
        product: what listens there.
        hosts: with their ports; of sentinels or of a cluster there may be several.
        user: name, None where there is none.
        password: of the user.
        tls: None where nothing is encrypted.
        database: number, of Redis.
        master: name by which sentinels know it.
        virtual_host: of RabbitMQ.
        sentinel_user: name for the sentinels themselves.
        sentinel_password: of that user.
    """

    product: Product
    hosts: tuple[tuple[str, int], ...]
    user: str | None = None
    password: str | None = None
    tls: Tls | None = None
    database: int = 0
    master: str = ""
    virtual_host: str = "/"
    sentinel_user: str | None = None
    sentinel_password: str | None = None

    @classmethod
    def read(cls, url: str, *, products: Collection[Product] = _BROKERS) -> Self:
        """Read a URL.

        Raises:
            ValueError: it cannot work; the message says why, and what to do.
        """
        require_form(url)
        parts = urlsplit(url)
        scheme = SCHEMES.get(parts.scheme)
        if scheme is None or scheme.product not in products:
            known = [f"{name}://" for name, each in SCHEMES.items() if each.product in products]
            raise ValueError(f"{parts.scheme}:// is none of {', '.join(known)}")
        options = options_of(url)
        is_sentinel = scheme.product == "sentinel"
        allowed = [*_TLS_OPTIONS] if scheme.is_encrypted or is_sentinel else []
        require_known(options, [*allowed, *(_SENTINEL_OPTIONS if is_sentinel else ())], f"one of {parts.scheme}://")
        credentials, _, hosts = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        is_encrypted = scheme.is_encrypted or any(name in options for name in _TLS_OPTIONS)
        return cls(
            scheme.product,
            _hosts(hosts, port=scheme.port, takes_several=scheme.product != "redis"),
            unquote(user) or None,
            unquote(password) or None,
            _tls(options) if is_encrypted else None,
            **_place(scheme.product, parts.path, parts.scheme),
            sentinel_user=options.get("sentinel_username") or None,
            sentinel_password=options.get("sentinel_password") or None,
        )

    @property
    def is_redis(self) -> bool:
        """Tell whether it takes the commands of Redis."""
        return self.product != "rabbitmq"

    @property
    def address(self) -> str:
        """host:port of it, for people; several are separated by commas, and a master's name follows its sentinels'."""
        hosts = ",".join(f"{_shown(host)}:{port}" for host, port in self.hosts)
        return f"{hosts}/{self.master}" if self.master else hosts

    def plain(self, scheme: str, path: str) -> str:
        """URL of each host, of such a scheme and path, without options; by semicolons, as kombu takes them."""
        user = quote(self.user, safe="") if self.user else ""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        credentials = f"{user}{password}@" if user or password else ""
        return ";".join(f"{scheme}://{credentials}{_shown(host)}:{port}/{path}" for host, port in self.hosts)


def judged_broker(url: str) -> str:
    """The URL of a broker: Valkey or Redis, perhaps behind sentinels, or RabbitMQ.

    Raises:
        ValueError: it cannot work; the message says why, and what to do.
    """
    BrokerUrl.read(url)
    return url


def judged_cache(url: str) -> str:
    """The URL of a cache: Valkey or Redis, perhaps behind sentinels. Raises as `judged_broker`."""
    BrokerUrl.read(url, products=_CACHES)
    return url


def _hosts(text: str, *, port: int, takes_several: bool) -> tuple[tuple[str, int], ...]:
    found = []
    for each in text.split(","):
        matched = _HOST.fullmatch(each)
        if matched is None or not matched["name"]:
            raise ValueError("it names no host")
        found.append((unquote(matched["name"].strip("[]")), int(matched["port"] or port)))
    if len(found) > 1 and not takes_several:
        raise ValueError(
            "it names several hosts: name one, or the sentinels, as in sentinel://host:26379,host:26379/main"
        )
    if any(number > 65_535 for _, number in found):
        raise ValueError("its port is above 65535")
    return tuple(found)


def _place(product: Product, path: str, scheme: str) -> dict[str, Any]:
    if product == "rabbitmq":
        return {"virtual_host": unquote(path[1:]) or "/"}
    form = (
        r"/(?P<master>[^/]+)(?:/(?P<database>[0-9]{0,4}))?"
        if product == "sentinel"
        else r"(?:/(?P<database>[0-9]{0,4}))?"
    )
    matched = re.fullmatch(form, path)
    if matched is None:
        if product == "sentinel":
            raise ValueError(
                "it is to name the master, and perhaps a database: sentinel://host:26379,host:26379/main/0"
            )
        raise ValueError(f"its database is {unquote(path[1:])!r}: a number, as in {scheme}://host:6379/0")
    found = matched.groupdict()
    return {"database": int(found["database"] or 0), "master": unquote(found.get("master") or "")}


def _tls(options: Mapping[str, str]) -> Tls:
    required = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if required not in _REQUIREMENTS:
        raise ValueError(f"its option ssl_cert_reqs is none of {', '.join(_REQUIREMENTS)}")
    checks_name = _FLAGS.get(options.get("ssl_check_hostname", "true").lower())
    if checks_name is None:
        raise ValueError("its option ssl_check_hostname is neither true nor false")
    files = [options.get(name) or None for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")]
    return Tls(required, checks_name, *files)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
