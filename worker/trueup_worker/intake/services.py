"""Services that a worker process holds open."""

from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import Engine

from trueup.redis.uniqueness_cache import UniquenessCache
from trueup.settings import Settings, settings
from trueup.store.catalog.memory import CatalogMemory
from trueup.store.postgres.engine import engine


@dataclass(frozen=True, slots=True)
class Services:
    """Connections, settings, and what is remembered between envelopes: all of that may be lost at any time."""

    engine: Engine
    cache: UniquenessCache
    settings: Settings
    catalog: CatalogMemory = field(default_factory=CatalogMemory)


@cache
def services() -> Services:
    """Services of this process; made on first use, after any fork."""
    config = settings()
    cache = UniquenessCache(config.redis_url, ttl_s=config.uniqueness_cache_s)
    return Services(engine(), cache, config)
