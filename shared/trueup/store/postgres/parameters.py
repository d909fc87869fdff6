"""Parameters of a connection: those of its URL, as libpq reads it, and beside them what Trueup relies on.

Invariants:
    * whatever the URL says counts, but for the settings of a session that ours name;
    * a server of another host shows who it is, unless the URL says that it need not (`sslmode=prefer` and below).
"""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

# A host that is gone says nothing, for ever: these end what waits for it, within half a minute.
_WHEN_SILENT = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}
_WISHED = {"connect_timeout": 10, "application_name": "trueup", **_WHEN_SILENT}
_LOCK_SHARE = 4  # of a statement's time that it may wait for one lock: below it, so that the error tells which it was
_SETTING = re.compile(r"(?:-c\s*|--)([\w.-]+)=((?:\\.|[^\s\\])*)\s*")

_VERIFIED = ("require", "verify-full")
_LIBPQ_ROOTS = Path(".postgresql", "root.crt")
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def parameters_of(database_url: str) -> dict[str, Any]:
    """Parameters of libpq by their names, but for the settings of a session.

    Raises:
        ValueError: it is no URL of Postgres.
    """
    scheme, separator, rest = database_url.partition("://")
    if not separator or not scheme.startswith("postgres"):
        raise ValueError("no URL of Postgres")
    try:
        given = conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError as error:
        raise ValueError(str(error)) from None
    names, addresses = ((_given(given, each) or "").split(",") for each in ("host", "hostaddr"))
    several = {"target_session_attrs": "read-write"} if max(len(names), len(addresses)) > 1 else {}
    is_elsewhere = any(map(_is_elsewhere, [*names, *addresses])) or _given(given, "service") is not None
    return {**_WISHED, **several, **given, **(_verified(given) if is_elsewhere else {})}


def settings_of(parameters: Mapping[str, Any], *, statement_timeout_s: int) -> dict[str, str]:
    """Settings of a session: those of the URL's `options`, and ours, which win.

    Raises:
        ValueError: the options are not only settings, `-c name=value`.
    """
    limit_ms = statement_timeout_s * 1_000
    return {
        **_settings(str(parameters.get("options") or "")),
        "timezone": "UTC",
        # A plan made for one account's values trusts statistics that may not know the account, and reads all its rows.
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",  # it compiles for seconds what runs for milliseconds, by the costs that such a plan is given
        "statement_timeout": str(limit_ms),
        "lock_timeout": str(limit_ms // _LOCK_SHARE),
    }


def options_of(settings: Mapping[str, str]) -> str:
    """Settings as libpq sends them when a session starts."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _settings(options: str) -> dict[str, str]:
    found = {match[1].replace("-", "_"): re.sub(r"\\(.)", r"\1", match[2]) for match in _SETTING.finditer(options)}
    if _SETTING.sub("", options.lstrip()):
        raise ValueError("options of a database URL are settings: -c name=value")
    return found


def _escaped(value: str) -> str:
    return re.sub(r"([\\\s])", r"\\\1", value)


def _given(given: Mapping[str, Any], name: str) -> str | None:
    """A parameter of the URL, or what libpq takes in its place."""
    return given.get(name) or os.environ.get(f"PG{name.upper()}") or None


def _is_elsewhere(host: str) -> bool:
    """Tell whether a host is another than this one: neither a socket's folder, nor loopback."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _verified(given: Mapping[str, Any]) -> dict[str, str]:
    """Parameters that make a server of another host show who it is, by an authority that this host trusts."""
    mode = _given(given, "sslmode") or "verify-full"
    if mode not in _VERIFIED:
        return {}
    return {"sslmode": "verify-full", **dict(_roots(given))}


def _has_roots_at_home() -> bool:
    """Tell whether libpq finds authorities in this user's home, which may be closed to it, or nowhere."""
    with suppress(OSError, RuntimeError):
        return (Path.home() / _LIBPQ_ROOTS).exists()
    return False


def _roots(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Authorities of the system, unless others are named: the driver's own OpenSSL does not know where they lie."""
    if _given(given, "sslrootcert") or _has_roots_at_home():
        return
    known = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    yield "sslrootcert", next((each for each in known if each and Path(each).exists()), "system")
