"""Cells of a CSV record."""

import csv
from contextlib import suppress

from trueup.producer.files.opening.content import LINE_BYTES_MAX
from trueup.producer.files.opening.text_encoding import lone_byte
from trueup.producer.files.shown import shown
from trueup.producer.files.tables.table import AROUND, BadForm

BOM = "\ufeff"
_CODE_PAGES = ("cp1252", "cp850", "mac_roman")  # in which spreadsheets write, the usual one first
_UNCLOSED = "unexpected end of data"  # as the reader says it

csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES_MAX))


def cells_of(text: bytes, delimiter: str) -> list[str]:
    """The cells of a record, without the spaces and byte-order marks around them.

    Raises:
        BadForm: it is no CSV, or no UTF-8.
    """
    try:
        return [cell.strip(AROUND) for cell in _cells(text.decode().removeprefix(BOM), delimiter)]
    except UnicodeDecodeError as error:
        raise BadForm(_not_utf8(text, error.start, delimiter), "not_utf8") from None
    except csv.Error as error:
        found = _unclosed(text, delimiter) if str(error) == _UNCLOSED else str(error)
        raise BadForm(found, "csv_quotes") from None


def _cells(text: str, delimiter: str) -> list[str]:
    """The cells as they stand there: of usual records without the reader, which takes five times as long."""
    if '"' not in text and "\n" not in text and "\r" not in text:
        return text.split(delimiter)
    if text.startswith('"') and text.endswith('"'):
        cells = text[1:-1].split(f'"{delimiter}"')
        if text.count('"') == 2 * len(cells):
            return cells
    return next(csv.reader([text], delimiter=delimiter, strict=True))


def _unclosed(text: bytes, delimiter: str) -> str:
    """Name the cell whose quote is never closed: the last one that a quote opens."""
    decoded = text.decode(errors="replace")
    opened = decoded.rfind(f'{delimiter}"') + 1
    return (
        f"the quote that opens at {shown(decoded[opened:])} is never closed: put one at the cell's end, "
        "and write those inside it twice"
    )


def _not_utf8(text: bytes, at: int, delimiter: str) -> str:
    """Name a byte that is no character, its cell, and the code page that makes a word of it."""
    edge = delimiter.encode()
    cell = text[text.rfind(edge, 0, at) + 1 : (text.find(edge, at) + 1 or len(text) + 1) - 1]
    if lone := lone_byte(text, at):
        in_cell = shown(cell.decode(errors="replace"))
        return f"the byte 0x{lone:02x} in {in_cell} is no character in the encoding that was told"
    told = f"not UTF-8: the byte 0x{text[at]:02x} in {shown(cell.decode(errors='replace'))}"
    for page in _CODE_PAGES:
        with suppress(UnicodeDecodeError):
            word = cell.decode(page)
            if all(character.isascii() or character.isalpha() for character in word):
                told += f", which is {shown(word)} in {page}"
                break
    else:
        page = _CODE_PAGES[0]
    return f"{told}; save the file as UTF-8 (in Excel: CSV UTF-8), or say --encoding {page} if its whole text is so"
