"""Every part of a service's URL is judged: what cannot work is refused with its setting, its reason and its cure."""

import pytest

from trueup.settings import Settings, SettingsError, read_settings

GOOD = {
    "database_url": "postgresql://me:hush@db.example:5432/trueup?sslmode=verify-full&options=-c%20search_path%3Dtrueup",
    "broker_url": "rediss://:hush@broker.example:6379/0?ssl_cert_reqs=required",
    "redis_url": "redis://127.0.0.1/1",
    "secret_key": "k" * 32,
}
WORKING = [
    ("database_url", "postgresql://%2Fvar%2Frun%2Fpostgresql/trueup"),
    ("database_url", "postgresql://me@a:5432,b:5432/trueup?target_session_attrs=read-write"),
    ("broker_url", "redis://:hush@[::1]:6379"),
    ("broker_url", "amqp://me:hush@broker.example//"),
    ("broker_url", "amqps://me:hush@broker.example/%2Fbilling"),
    ("broker_url", "amqps://me:hush@a:5671,b:5671/billing?ssl_ca_certs=/etc/ca.pem"),
    ("broker_url", "sentinel://:hush@a:26379,b,[::1]:26380/main/0?sentinel_password=hush"),
    ("broker_url", "sentinel://a/main"),
    ("redis_url", "sentinel://:hush@a/main/1"),
]
REFUSED = [
    ("broker_url", "sentinel://:hush@a:26379", "to name the master", "sentinel://host:26379,host:26379/main/0"),
    ("broker_url", "sentinel://:hush@a:26379/main/x", "to name the master", "perhaps a database"),
    ("broker_url", "redis://:hush@a,b/0", "it names several hosts", "sentinel://host:26379,host:26379/main"),
    ("broker_url", "amqps://me:hush@a/?ssl_cert_reqs=never", "its option ssl_cert_reqs is none of", "required"),
    ("broker_url", "rediss://:hush@a/?ssl_check_hostname=maybe", "its option ssl_check_hostname", "true nor false"),
    ("redis_url", "amqp://me:hush@a//", "amqp:// is none of", "redis://"),
    ("broker_url", "redis://:hush@host/notadb", "its database is 'notadb'", "redis://host:6379/0"),
    ("redis_url", "redis://:hush@host/1/2", "its database is '1/2'", "a number"),
    ("broker_url", "redis://:hush@host/0?socket_timeout=10", "its option socket_timeout", "leave it out"),
    ("broker_url", "rediss://:hush@host/0?ssl=1", "its option ssl ", "ssl_cert_reqs"),
    ("redis_url", "redis://:hush@host/1?nosuch=1", "its option nosuch", "leave it out"),
    ("broker_url", "kafka://host/0", "kafka:// is none of", "redis://"),
    ("broker_url", "redis:///0", "it names no host", "broker_url"),
    ("broker_url", "redis://:hu/sh@host/0", "no well-formed URL", "percent-encode"),
    ("database_url", "postgresql://me:hu sh@db/x", "no well-formed URL", "percent-encode"),
    ("database_url", "postgresql://me:hush@db/x?sslmod=require", "its option sslmod ", "leave it out"),
    ("database_url", "postgresql://me:hush@db/x?sslmode=on", "its option sslmode is 'on'", "verify-full"),
    ("database_url", "postgresql://me@db/x?password=hu&sh", "has no value", "%26"),
    ("database_direct_url", "postgresql://me:hush@db/x?nosuch=1", "its option nosuch", "leave it out"),
]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test gives is read."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TRUEUP_{name.upper()}", raising=False)


@pytest.mark.parametrize(("name", "url"), [("database_url", GOOD["database_url"]), *WORKING])
def test_what_works_is_taken_as_it_is(name: str, url: str) -> None:
    """Options, sockets, several hosts, virtual hosts and TLS are taken."""
    assert str(getattr(read_settings(**GOOD | {name: url}), name)).startswith(url.partition("/trueup")[0])


@pytest.mark.parametrize(("name", "url", "reason", "cure"), REFUSED)
def test_what_cannot_work_is_refused(name: str, url: str, reason: str, cure: str) -> None:
    """One line names the setting, the part and the cure, and tells no password."""
    with pytest.raises(SettingsError) as caught:
        read_settings(**GOOD | {name: url})
    said = str(caught.value)
    assert said.startswith(f"TRUEUP_{name.upper()}: ")
    assert reason in said
    assert cure.lower() in said.lower()
    assert not any(secret in said for secret in ("hush", "hu/sh", "hu sh", "hu&sh"))
