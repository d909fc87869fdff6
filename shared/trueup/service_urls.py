"""Service URLs, judged part by part: what is wrong with one is said with its cure, without its secrets."""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlsplit

from trueup.addresses import is_well_formed

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
    require_form(url)
    options = options_of(url)
    require_known(options, _LIBPQ_KEYWORDS.split(), "an option of libpq")
    if (mode := options.get("sslmode", "prefer")) not in _SSL_MODES:
        raise ValueError(f"its option sslmode is {mode!r}: choose one of {', '.join(_SSL_MODES)}")
    return url


def require_form(url: str) -> None:
    """Raise a ValueError unless nothing in the URL lacks its percent-encoding."""
    if not is_well_formed(url):
        raise ValueError(
            "it is no well-formed URL: in its user name and password, percent-encode : / ? # [ ] @ % and spaces"
        )


def options_of(url: str) -> Mapping[str, str]:
    """Options in a URL's query; a ValueError where one has no value."""
    query = urlsplit(url).query
    options = dict(parse_qsl(query, keep_blank_values=True))
    if query and not all("=" in option for option in query.split("&")):
        raise ValueError("an option of it has no value: write name=value, and & in a value as %26")
    return options


def require_known(options: Mapping[str, str], known: Collection[str], kind: str) -> None:
    """Raise a ValueError for an option that is not known.

    Args:
        options: of a URL.
        known: those that there are.
        kind: what the option is not, for people.
    """
    if unknown := sorted(options.keys() - set(known)):
        allowed = f": known are {', '.join(sorted(known))}" if 0 < len(known) < 10 else ""
        raise ValueError(f"its option {unknown[0]} is not {kind}: leave it out{allowed}")
