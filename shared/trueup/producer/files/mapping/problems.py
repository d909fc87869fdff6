"""Problems of a mapping, and of a cell that it reads."""

from trueup.errors import ExitCode, TrueupError
from trueup.wire.message.envelope import FormCode


class WrongMapping(TrueupError):
    """The mapping cannot be used, or not for this file; the message names the keys and what to do."""

    exit_code = ExitCode.UNREADABLE


class BadCell(Exception):
    """A cell cannot become a value; its row gets an outcome with this code.

    Attributes:
        code: of the outcome.
    """

    def __init__(self, code: FormCode, found: str) -> None:
        super().__init__(found)
        self.code: FormCode = code
