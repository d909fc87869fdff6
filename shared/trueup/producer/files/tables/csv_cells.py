"""Cells of a CSV record."""

import csv
from contextlib import suppress

from trueup.producer.files.opening.content import LINE_BYTES_MAX
from trueup.producer.files.opening.text_encoding import lone_byte
from trueup.producer.files.shown import shown
from trueup.producer.files.tables.table import AROUND, BadForm

BOM = "\ufeff"
_CODE_PAGES = ("cp1252", "cp850", "mac_roman")  # in which spreadsheets write, the usual one first
_ASCII_AROUND = "".join(filter(str.isascii, AROUND))
_UNCLOSED = "unexpected end of data"  # as the reader says it

csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES_MAX))


def usual_cells(line: bytes, delimiter: str) -> list[str] | None:
    """The cells of a line as `cells_of` tells them, where none stands in quotes, or each does and none has one.

    It takes a third of the time. None: the line is another one.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    around = _ASCII_AROUND if text.isascii() else AROUND
    if '"' not in text:
        return [cell.strip(around) for cell in text.split(delimiter)] if "\r" not in text else None
    cells = text[1:-1].split(f'"{delimiter}"')
    if text.count('"') == 2 * len(cells) and text.startswith('"') and text.endswith('"'):
        return [cell.strip(around) for cell in cells]
    return None


def cells_of(text: bytes, delimiter: str) -> list[str]:
    """The cells of a record, without the spaces and byte-order marks around them.

    Raises:
        BadForm: it is no CSV, or no UTF-8.
    """
    try:
        cells = next(csv.reader([text.decode().removeprefix(BOM)], delimiter=delimiter, strict=True))
        return [cell.strip(AROUND) for cell in cells] or [""]  # of a mark alone
    except UnicodeDecodeError as error:
        raise BadForm(_not_utf8(text, error.start, delimiter), "not_utf8") from None
    except csv.Error as error:
        found = _unclosed(text, delimiter) if str(error) == _UNCLOSED else str(error)
        raise BadForm(found, "csv_quotes") from None


def rough_cells(text: bytes, delimiter: str) -> list[str]:
    """The cells of a record that is refused, as far as they can be told apart."""
    try:
        cells = next(csv.reader([text.decode(errors="replace").removeprefix(BOM)], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell.strip(AROUND) for cell in cells]


def _is_word(text: str) -> bool:
    """Tell whether a cell says something: signs such as € stand beside letters; between two, an apostrophe alone."""
    return all(
        character.isascii()
        or character.isalpha()
        or character == "\N{RIGHT SINGLE QUOTATION MARK}"
        or (character.isprintable() and not (text[at : at + 1].isalpha() and text[at - 2 : at - 1].isalpha()))
        for at, character in enumerate(text, start=1)
    )


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
            if _is_word(word):
                told += f", which is {shown(word)} in {page}"
                break
    else:
        page = _CODE_PAGES[0]
    return f"{told}; save the file as UTF-8 (in Excel: CSV UTF-8), or say --encoding {page} if its whole text is so"
