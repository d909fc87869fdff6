"""Options of the database URL count beside ours, in both kinds of connection."""

import asyncio

from sqlalchemy import text

from tests.integration.intake import settings_of
from trueup.store.postgres.connecting import connect_in_loop
from trueup.store.postgres.engine import make_engine

_SHOWN = "SELECT current_setting('application_name'), current_setting('work_mem'), current_setting('TimeZone')"
_OPTIONS = "?application_name=billing-eu&options=-c%20work_mem%3D5MB%20-c%20timezone%3DAsia/Tokyo"


def test_of_an_engine(database_url: str) -> None:
    """The name and a setting are the URL's; where it names a setting that we rely on, ours counts."""
    engine = make_engine(database_url + _OPTIONS)
    with engine.connect() as connection:
        assert connection.execute(text(_SHOWN)).one() == ("billing-eu", "5MB", "UTC")
    engine.dispose()


def test_of_an_event_loop(database_url: str) -> None:
    """The same holds for a connection of an event loop."""

    async def shown() -> tuple[str, ...]:
        async with await connect_in_loop(database_url + _OPTIONS, statement_timeout_s=5) as connection:
            found: tuple[str, ...] | None = await (await connection.execute(_SHOWN)).fetchone()
            assert found
            return found

    assert asyncio.run(shown()) == ("billing-eu", "5MB", "UTC")


def test_of_several_hosts(database_url: str) -> None:
    """One that does not answer is passed over, by both kinds of connection; settings take such a URL."""
    address = database_url.rpartition("@")[2].partition("/")[0]
    url = database_url.replace(address, f"127.0.0.1:1,{address}")
    taken = str(settings_of(database_url=url).database_url)
    engine = make_engine(taken)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT NOT pg_is_in_recovery()")).scalar_one()
    engine.dispose()

    async def answers() -> bool:
        async with await connect_in_loop(taken, statement_timeout_s=5) as connection:
            return await (await connection.execute("SELECT 1")).fetchone() == (1,)

    assert asyncio.run(answers())
