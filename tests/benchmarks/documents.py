"""Invoices as PDF: how many of ten lines one typesetter sets, on one core."""

import time
from dataclasses import dataclass

import psutil

from tests.documents import document, lines
from trueup_worker.documents.typesetter import Typesetter

LINES = 10
_WARM_UP = 5


@dataclass(frozen=True, slots=True)
class DocumentsRun:
    """So many documents, one after the other, and the CPU of the process that set them."""

    documents: int
    seconds: float
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Documents of a core that does nothing else for a second."""
        return self.documents / self.cpu_s

    def told(self) -> str:
        """A line of the report."""
        each_ms = 1e3 * self.cpu_s / self.documents
        return (
            f"{self.documents:,} PDFs of {LINES} lines: {self.documents / self.seconds:.0f}/s, {each_ms:.0f} ms of CPU"
            f" each, which is {self.per_cpu_s:.0f}/s on one core"
        )


def measure_documents(*, documents: int) -> DocumentsRun:
    """Set so many, no two of them the same, with names of all kinds."""
    with Typesetter() as typesetter:
        for number in range(_WARM_UP):
            typesetter.pdf(document(*lines(LINES), title=f"Warm up {number}"))
        assert typesetter._process
        process = psutil.Process(typesetter._process.pid)
        began_s, began_cpu_s = time.monotonic(), _cpu_s(process)
        for number in range(documents):
            typesetter.pdf(document(*lines(LINES), title=f"Invoice {number}"))
        return DocumentsRun(documents, time.monotonic() - began_s, _cpu_s(process) - began_cpu_s)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
