"""Texts that the cells of a workbook share."""

from typing import IO

from trueup.limits import SHARED_STRINGS_MAX
from trueup.producer.files.opening.workbook_file import UnreadableWorkbook
from trueup.producer.files.tables.part_xml import elements_named, text_of

_INNER_MAX = 1_000_000  # a cell has 32,767 characters at most, each may have a font of its own


def shared_strings(stream: IO[bytes]) -> list[str]:
    """The texts by their numbers, as they stand there.

    Args:
        stream: the XML of their part.

    Raises:
        UnreadableWorkbook: there are more than a spreadsheet makes.
        ParseError, DefusedXmlException: it is no XML, or has what no workbook has.
    """
    strings: list[str] = []
    for element in elements_named(stream, "si", inner_max=_INNER_MAX, too_many="a text of more parts than it may have"):
        if len(strings) == SHARED_STRINGS_MAX:
            raise UnreadableWorkbook(f"is a workbook of more than {SHARED_STRINGS_MAX} texts: split it")
        strings.append(text_of(element))
    return strings
