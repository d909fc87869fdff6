"""Every export by its name."""

from collections.abc import Mapping

from trueup_worker.exports.commits import COMMITS
from trueup_worker.exports.export import Export, UnknownExport
from trueup_worker.exports.focus import FOCUS
from trueup_worker.exports.invoice_lines import INVOICE_LINES
from trueup_worker.exports.invoices import INVOICES
from trueup_worker.exports.journal import JOURNAL
from trueup_worker.exports.ledger import LEDGER
from trueup_worker.exports.outcomes import OUTCOMES
from trueup_worker.exports.usage import USAGE

EXPORTS: Mapping[str, Export] = {
    each.name: each for each in (INVOICES, INVOICE_LINES, COMMITS, LEDGER, USAGE, OUTCOMES, JOURNAL, FOCUS)
}


def export_named(name: str) -> Export:
    """The export of this name.

    Raises:
        UnknownExport: there is none.
    """
    if name not in EXPORTS:
        raise UnknownExport(f"there is no export {name!r}: choose one of {', '.join(EXPORTS)}")
    return EXPORTS[name]
