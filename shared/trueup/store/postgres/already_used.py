"""Error for a key or an alias that another record of the account has."""

from uuid import UUID

from trueup.errors import TrueupError


class AlreadyUsed(TrueupError):
    """A uniqueness key, or an alias, belongs to another record; nothing was added.

    Attributes:
        holder: the id of that record.
    """

    code = "duplicate"

    def __init__(self, what: str, holder: UUID) -> None:
        super().__init__(f"{what} was used before, by {holder}")
        self.holder = holder
