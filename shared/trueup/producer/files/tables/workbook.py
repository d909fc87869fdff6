"""A workbook that is open: its sheets, and how the cells of one are read."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from trueup.errors import TrueupError
from trueup.limits import SHARED_STRINGS_BYTES_MAX, WORKBOOK_PART_BYTES_MAX
from trueup.producer.files.near import near
from trueup.producer.files.opening.content import UnreadableInput
from trueup.producer.files.opening.workbook_file import UnreadableWorkbook, require_part
from trueup.producer.files.shown import shown
from trueup.producer.files.tables.extra import (
    BUILTIN_FORMATS,
    SHARED_STRINGS,
    WORKBOOK_TYPES,
    ExcelReader,
    fromstring,
    get_rels_path,
    is_date_format,
    is_timedelta_format,
)
from trueup.producer.files.tables.part_xml import local_name
from trueup.producer.files.tables.shared_strings import shared_strings
from trueup.producer.files.tables.sheet_cells import CellFormat, CellReader

_STYLES = "xl/styles.xml"
_ZEROS = re.compile(r"0{2,}")
_TOLD_MAX = 10
_MAC_YEAR = 1904


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that is read.

    Attributes:
        name: as its tab says.
        others: the names of the other ones.
        xml: its content, to be read once.
        cells: reads its cells.
    """

    name: str
    others: Sequence[str]
    xml: IO[bytes]
    cells: CellReader


@contextmanager
def open_sheet(path: Path, *, name: str, sheet: str | None) -> Iterator[Sheet]:
    """Open a sheet of a workbook.

    Args:
        path: of the file, whose bounds were judged.
        name: what the user calls it.
        sheet: the tab; None: the first one that is not hidden.

    Raises:
        UnreadableInput: it is damaged, or has no such sheet.
    """
    with ExitStack() as stack:
        with readable(name):
            file = stack.enter_context(path.open("rb"))
            reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
            stack.enter_context(reader.archive)
            reader.read_manifest()
            strings = _strings(reader)
            _require_small(reader)
            reader.read_workbook()
            chosen, target, others = _chosen(reader, sheet)
            cells = CellReader(
                strings,
                list(_formats(reader)),
                counts_from_1904=reader.wb.epoch.year == _MAC_YEAR,
            )
            xml = stack.enter_context(reader.archive.open(target))
        yield Sheet(chosen, others, xml, cells)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Read a part of a workbook.

    Raises:
        UnreadableInput: it is damaged.
    """
    try:
        yield
    except UnreadableWorkbook as error:
        raise UnreadableInput(f"{name} {error}") from None
    except (TrueupError, OSError):
        raise
    except Exception as error:  # what libraries raise for an odd file is of any kind
        told = shown(str(error) or type(error).__name__)
        raise UnreadableInput(
            f"{name} is a workbook that cannot be read ({told}): open it in a spreadsheet, and save it as .xlsx again"
        ) from error


def _strings(reader: Any) -> list[str]:
    part = reader.package.find(SHARED_STRINGS)
    if part is None:
        return []
    name = part.PartName[1:]
    require_part(reader.archive, name, SHARED_STRINGS_BYTES_MAX)
    with reader.archive.open(name) as xml:
        return shared_strings(xml)


def _require_small(reader: Any) -> None:
    """Refuse a list of sheets that is too large; it goes by its type, whatever its name is."""
    for part in reader.package.Override:
        if part.ContentType in WORKBOOK_TYPES:
            for name in (part.PartName[1:], get_rels_path(part.PartName[1:])):
                require_part(reader.archive, name, WORKBOOK_PART_BYTES_MAX)


def _chosen(reader: Any, wanted: str | None) -> tuple[str, str, list[str]]:
    """The name and the part of the sheet that is read, and the names of the others."""
    found = [
        (sheet.name, rel.target, sheet.state)
        for sheet, rel in reader.parser.find_sheets()
        if "chartsheet" not in rel.Type and rel.target in reader.valid_files
    ]
    if not found:
        raise UnreadableWorkbook("is a workbook without a sheet that can be read: save it as Excel Workbook (.xlsx)")
    names = [name for name, _, _ in found]
    if wanted is None:
        at = next((at for at, (_, _, state) in enumerate(found) if state == "visible"), 0)
    elif wanted in names:
        at = names.index(wanted)
    else:
        some = ", ".join(map(shown, names[:_TOLD_MAX])) + (", …" if len(names) > _TOLD_MAX else "")
        raise UnreadableWorkbook(f"has no sheet {shown(wanted)}{near(wanted, names)}; it has {some}")
    return names[at], found[at][1], names[:at] + names[at + 1 :]


def _formats(reader: Any) -> Iterator[CellFormat]:
    """The formats of numbers, by the numbers of styles."""
    if _STYLES not in reader.valid_files:
        return
    codes: dict[int, str] = dict(BUILTIN_FORMATS)
    for part in fromstring(reader.archive.read(_STYLES), forbid_dtd=True):
        name = local_name(part.tag)
        if name == "numFmts":
            codes |= {int(each.get("numFmtId", "0")): each.get("formatCode", "") for each in part}
        elif name == "cellXfs":
            for style in part:
                code = codes.get(int(style.get("numFmtId", "0")), "General")
                is_date = is_date_format(code) and not is_timedelta_format(code)
                yield CellFormat(is_date=is_date, zeros=len(code) if _ZEROS.fullmatch(code) else 0)
