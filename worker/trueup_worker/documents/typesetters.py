"""Typesetters: some documents are set at once, each by one that has nothing else to do."""

from collections.abc import Callable
from queue import LifoQueue

from trueup.limits import TYPESETTING_S
from trueup_worker.documents.typesetter import Typesetter
from trueup_worker.documents.view import Document


class Typesetters:
    """A number of typesetters; while documents come one by one, a single one of them has a process.

    Args:
        count: documents that are set at once.
        seconds: that one document may take.
    """

    def __init__(self, count: int, seconds: float = TYPESETTING_S) -> None:
        self._all = [Typesetter(seconds) for _ in range(count)]
        self._idle = LifoQueue[Typesetter]()
        for each in self._all:
            self._idle.put(each)

    def pdf(self, document: Document, tell: Callable[[str], object]) -> bytes:
        """PDF of a document, once one of them is idle; tells and raises as `Typesetter.pdf`."""
        chosen = self._idle.get()
        try:
            return chosen.pdf(document, tell=tell)
        finally:
            self._idle.put(chosen)

    def close(self) -> None:
        """End their processes."""
        for each in self._all:
            each.close()
