"""Extras of the distribution: what a part needs beyond the base install, and the error that names it."""

from collections.abc import Iterator
from contextlib import contextmanager

from trueup.errors import TrueupError

_OWN = frozenset({"trueup", "trueup_worker"})


class MissingExtra(TrueupError, ImportError):
    """A library is not installed that an extra of the distribution brings; the message names the extra."""


@contextmanager
def extra(name: str, *, needed_by: str) -> Iterator[None]:
    """Import what an extra installs.

    Args:
        name: the extra's, or several, as pip takes them.
        needed_by: what is to work, as the error's first words.

    Raises:
        MissingExtra: a library that is imported inside is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in _OWN:
            raise
        raise MissingExtra(f"{needed_by} needs {library}: pip install 'trueup[{name}]'", name=library) from error
