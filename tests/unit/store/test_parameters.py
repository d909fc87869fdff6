"""What a database's URL means to the driver: several hosts, who must show who they are, and settings of sessions."""

from pathlib import Path

import pytest

from trueup.store.postgres.engine import make_engine
from trueup.store.postgres.parameters import options_of, parameters_of, settings_of

ELSEWHERE = "postgresql://me:secret@db.example/x"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor the home folder names certificates."""
    for name in ("PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "%2Fvar%2Frun%2Fpostgresql", ""])
def test_this_host_need_not_show_who_it_is(host: str) -> None:
    """Loopback and sockets are left as libpq has them."""
    assert "sslmode" not in parameters_of(f"postgresql://{host}/x")


@pytest.mark.parametrize("mode", ["", "?sslmode=require", "?sslmode=verify-full"])
def test_another_host_shows_who_it_is(mode: str) -> None:
    """Its name too, by an authority that this host trusts."""
    given = parameters_of(ELSEWHERE + mode)
    assert given["sslmode"] == "verify-full"
    assert given["sslrootcert"] == "system" or Path(given["sslrootcert"]).exists()


@pytest.mark.parametrize(
    ("url", "variables"),
    [
        ("postgresql://localhost/x?hostaddr=10.0.0.5", {}),
        ("postgresql://db.example/x?hostaddr=127.0.0.1", {}),
        ("postgresql:///x?service=prod", {}),
        ("postgresql:///x", {"PGHOST": "db.example"}),
        ("postgresql:///x", {"PGHOSTADDR": "10.0.0.5"}),
        ("postgresql:///x", {"PGSERVICE": "prod"}),
    ],
)
def test_a_host_that_is_named_in_another_way(
    url: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another one all the same."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parameters_of(url)["sslmode"] == "verify-full"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "verify-ca"])
def test_another_mode_is_left(mode: str) -> None:
    """Whoever says what they want gets it."""
    given = parameters_of(f"{ELSEWHERE}?sslmode={mode}")
    assert (given["sslmode"], "sslrootcert" in given) == (mode, False)


def test_a_certificate_that_is_named() -> None:
    """It is the only one that counts."""
    assert parameters_of(f"{ELSEWHERE}?sslrootcert=/etc/own.crt")["sslrootcert"] == "/etc/own.crt"


def test_libpqs_own_certificate(tmp_path: Path) -> None:
    """It is found by libpq, where it is."""
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    assert "sslrootcert" not in parameters_of(ELSEWHERE)


def test_several_hosts() -> None:
    """Each with its port; one that takes writes is wanted, unless the URL says otherwise."""
    url = "postgresql://me:secret@one.example:5433,two.example:5434/x"
    given = parameters_of(url)
    assert (given["host"], given["port"]) == ("one.example,two.example", "5433,5434")
    assert given["target_session_attrs"] == "read-write"
    assert parameters_of(f"{url}?target_session_attrs=any")["target_session_attrs"] == "any"
    assert "target_session_attrs" not in parameters_of(ELSEWHERE)
    engine = make_engine(url)
    assert engine.url.query["host"] == ("one.example:5433", "two.example:5434")
    engine.dispose()


@pytest.mark.parametrize("url", ["redis://h/0", "h", "postgresql://h:nine/x?nosuch=1", "postgresql://h/x?options=-e"])
def test_what_is_no_url_of_postgres(url: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"."):
        settings_of(parameters_of(url), statement_timeout_s=40)


def test_settings_of_a_session() -> None:
    """The URL's and ours, in any of libpq's forms, with their escapes; where both name one, ours counts."""
    options = r"-c work_mem=5MB  --search-path=a\ b,c -ctimezone=Asia/Tokyo"
    settings = settings_of({"options": options}, statement_timeout_s=40)
    assert settings["work_mem"] == "5MB"
    assert settings["search_path"] == "a b,c"
    assert (settings["timezone"], settings["statement_timeout"], settings["lock_timeout"]) == ("UTC", "40000", "10000")
    assert settings_of({"options": options_of(settings)}, statement_timeout_s=40) == settings
