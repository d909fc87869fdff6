"""Check of the secret key, first of all in every process: it must be the database's."""

import time

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from trueup.settings import Settings
from trueup.store.accounts.secret_key import WrongSecretKey, require_secret_key
from trueup.store.postgres.connecting import UnusableDatabase
from trueup.store.postgres.engine import make_engine, transaction
from trueup.store.postgres.errors import primary_message

_PAUSE_S = 0.5

log = structlog.get_logger()


def check_secret_key(config: Settings, *, tries_max: int | None = None) -> None:
    """End the process if its key is not the database's: it would refuse good messages, and its own be refused.

    Args:
        config: names database and key.
        tries_max: after so many in vain it goes unchecked, for who has answers without the database; none: it waits
            until the database can be asked.

    Raises:
        SystemExit: the key is another; with a message that says what to do.
    """
    engine = make_engine(  # not the one that is used: a worker may fork first
        str(config.database_url), pool_size=1, pooler=config.database_pooler
    )
    tries = 0
    while not _is_checked(engine, config, is_first=tries == 0) and (tries := tries + 1) != tries_max:
        time.sleep(_PAUSE_S)
    engine.dispose()


def _is_checked(engine: Engine, config: Settings, *, is_first: bool) -> bool:
    try:
        with transaction(engine) as connection:
            require_secret_key(connection, config.secret_key.get_secret_value())
    except WrongSecretKey as error:
        raise SystemExit(f"error: {error}") from None
    except SQLAlchemyError as error:
        if isinstance(getattr(error, "orig", None), UnusableDatabase):
            raise SystemExit(f"error: {primary_message(error)}") from None
        if is_first:
            log.warning("no answer from the database yet", action="database_awaited", error=primary_message(error))
        return False
    return True
