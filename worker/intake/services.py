"""What a worker process holds open."""

from dataclasses import dataclass, field

from sqlalchemy import Engine

from shared.dedupe import UniquenessCache
from shared.settings import Settings
from shared.store.catalog_memory import CatalogMemory


@dataclass(frozen=True, slots=True)
class Services:
    """Connections, settings, and what is remembered between envelopes: all of that may be lost at any time."""

    engine: Engine
    cache: UniquenessCache
    settings: Settings
    catalog: CatalogMemory = field(default_factory=CatalogMemory)
