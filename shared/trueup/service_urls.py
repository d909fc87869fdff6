"""Service URLs, judged part by part: what is wrong with one is said with its cure, without its secrets."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from trueup.addresses import is_well_formed

_BROKERS = ("redis", "rediss", "amqp", "amqps")
_CACHES = ("redis", "rediss")
_TLS_OPTIONS = frozenset({"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# libpq's own, https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_LIBPQ_KEYWORDS = """
    application_name channel_binding client_encoding connect_timeout dbname fallback_application_name
    gssdelegation gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle
    keepalives_interval krbsrvname load_balance_hosts max_protocol_version min_protocol_version
    oauth_client_id oauth_client_secret oauth_issuer oauth_scope options passfile password port replication
    require_auth requirepeer requiressl scram_client_key scram_server_key service servicefile
    ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir
    sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
    tcp_user_timeout user
"""


def judged_database(url: str) -> str:
    """The URL of a Postgres.

    Raises:
        ValueError: it cannot work; the message says why, and what to do.
    """
    _require_form(url)
    options = _options(url)
    _require_known(options, _LIBPQ_KEYWORDS.split(), "an option of libpq")
    if (mode := options.get("sslmode", "prefer")) not in _SSL_MODES:
        raise ValueError(f"its option sslmode is {mode!r}: choose one of {', '.join(_SSL_MODES)}")
    return url


def judged_broker(url: str) -> str:
    """The URL of a broker: Valkey or Redis, or RabbitMQ. Raises as `judged_database`."""
    if url.startswith("sentinel:"):
        raise ValueError("sentinel:// does not work yet: name the broker itself, by redis:// or rediss://")
    return _judged(url, _BROKERS)


def judged_cache(url: str) -> str:
    """The URL of a cache: Valkey or Redis. Raises as `judged_database`."""
    return _judged(url, _CACHES)


def _judged(url: str, schemes: Collection[str]) -> str:
    _require_form(url)
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"{parts.scheme}:// is none of {', '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.scheme in _CACHES and not re.fullmatch(r"(/[0-9]{0,4})?", parts.path):
        raise ValueError(f"its database is {unquote(parts.path[1:])!r}: a number, as in {parts.scheme}://host:6379/0")
    known = _TLS_OPTIONS if parts.scheme in ("rediss", "amqps") else ()
    _require_known(_options(url), known, f"one of {parts.scheme}://")
    return url


def _require_form(url: str) -> None:
    if not is_well_formed(url):
        raise ValueError(
            "it is no well-formed URL: in its user name and password, percent-encode : / ? # [ ] @ % and spaces"
        )


def _options(url: str) -> Mapping[str, str]:
    query = urlsplit(url).query
    options = dict(parse_qsl(query, keep_blank_values=True))
    if query and not all("=" in option for option in query.split("&")):
        raise ValueError("an option of it has no value: write name=value, and & in a value as %26")
    return options


def _require_known(options: Mapping[str, str], known: Collection[str], kind: str) -> None:
    if unknown := sorted(options.keys() - set(known)):
        allowed = f": known are {', '.join(sorted(known))}" if 0 < len(known) < 10 else ""
        raise ValueError(f"its option {unknown[0]} is not {kind}: leave it out{allowed}")
