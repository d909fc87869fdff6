"""Conflict of a catalog file with what is stored."""

from trueup.errors import TrueupError


class CatalogConflict(TrueupError):
    """The file changes what never changes: a product's type, a contract's customer, an alias. Nothing was loaded."""

    code = "duplicate"
