"""A database in which some rows take too long, for the tests of who is to blame for that."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from tests.conftest import by_hand
from trueup.store.postgres.engine import make_engine

STATEMENT_TIMEOUT_S = 1
_SLEEPY = """
    CREATE FUNCTION sleepy_{table}() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN IF {when} THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END';
    CREATE TRIGGER sleepy BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION sleepy_{table}()
"""


def make_slow(engine: Engine, table: str, when: str) -> None:
    """Lets rows of a table take half a minute where a condition on `NEW` holds (quotes are doubled)."""
    with by_hand(engine) as connection:
        connection.execute(text(_SLEEPY.format(table=table, when=when)))


@contextmanager
def impatient(engine: Engine) -> Iterator[Engine]:
    """The same database, where a statement has a second and a quarter of it at a lock."""
    url = engine.url.render_as_string(hide_password=False)
    made = make_engine(url, statement_timeout_s=STATEMENT_TIMEOUT_S, pool_size=4)
    yield made
    made.dispose()


@contextmanager
def locked(engine: Engine, table: str) -> Iterator[None]:
    """Nobody writes to a table meanwhile."""
    with by_hand(engine) as connection:
        connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
        yield
