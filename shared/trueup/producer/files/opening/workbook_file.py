"""Files of spreadsheets: which can be read, and what is said of those that cannot."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from trueup.limits import (
    SHEET_BYTES_MAX,
    WORKBOOK_PART_BYTES_MAX,
    WORKBOOK_PARTS_MAX,
    WORKBOOK_RATIO_MAX,
)

ZIP_MAGIC = b"PK\x03\x04"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_RATIO_FROM_BYTES = 4 * 1024 * 1024
_WHOLE_PARTS = ("[Content_Types].xml", "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels")
_LOOKED_AT_BYTES = 1024 * 1024
_SAVE = "save it as Excel Workbook (.xlsx), or as CSV UTF-8"


class UnreadableWorkbook(Exception):
    """A spreadsheet's file that is not read; the message says why, and what to do."""


def is_archive(beginning: bytes) -> bool:
    """Tell whether a file is a ZIP archive, as workbooks are."""
    return beginning.startswith(ZIP_MAGIC)


def refuse_old_workbook(path: Path, beginning: bytes) -> None:
    """Refuse workbooks of the binary form, and such as are encrypted.

    Raises:
        UnreadableWorkbook: it is one.
    """
    if not beginning.startswith(_OLE_MAGIC):
        return
    with path.open("rb") as file:
        looked_at = file.read(_LOOKED_AT_BYTES)
        file.seek(max(0, path.stat().st_size - _LOOKED_AT_BYTES))
        looked_at += file.read()
    if _ENCRYPTED in looked_at:
        raise UnreadableWorkbook("is a workbook with a password: save it without one (File, Info, Protect Workbook)")
    raise UnreadableWorkbook(f"is a workbook of the old form (.xls): {_SAVE}")


def require_workbook(path: Path) -> None:
    """Refuse an archive that is no workbook, or whose parts are too large to be unpacked.

    Raises:
        UnreadableWorkbook: with what to do.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _require_form(archive)
            _require_bounds(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise UnreadableWorkbook(f"is a workbook, but cut short or corrupt ({error}): save it again") from None


def require_part(archive: zipfile.ZipFile, name: str, bytes_max: int) -> None:
    """Refuse a part that is held whole, and is too large for it; one that is not there is not judged.

    Raises:
        UnreadableWorkbook: it is.
    """
    if name in archive.namelist():
        _require_size(archive.getinfo(name), bytes_max)


def _require_form(archive: zipfile.ZipFile) -> None:
    names = {name.lower() for name in archive.namelist()}
    if "mimetype" in names and b"opendocument" in archive.open("mimetype").read(100):
        raise UnreadableWorkbook(f"is a table of LibreOffice (.ods): {_SAVE}")
    if "xl/workbook.bin" in names:
        raise UnreadableWorkbook(f"is a binary workbook (.xlsb): {_SAVE}")
    if any(name.endswith("vbaproject.bin") for name in names):
        raise UnreadableWorkbook(f"is a workbook with macros (.xlsm): {_SAVE}")
    if "[content_types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise UnreadableWorkbook("is a ZIP archive, and no workbook: unpack it, and name the files in it")


def _require_bounds(parts: Iterable[zipfile.ZipInfo]) -> None:
    parts = list(parts)
    if len(parts) > WORKBOOK_PARTS_MAX:
        raise UnreadableWorkbook(f"is a workbook of more than {WORKBOOK_PARTS_MAX} parts: {_SAVE}")
    for part in parts:
        if part.flag_bits & 1:
            raise UnreadableWorkbook("is a workbook with a password: save it without one")
        _require_size(part, WORKBOOK_PART_BYTES_MAX if part.filename in _WHOLE_PARTS else SHEET_BYTES_MAX)
        if part.file_size > max(_RATIO_FROM_BYTES, WORKBOOK_RATIO_MAX * part.compress_size):
            raise UnreadableWorkbook(
                f"is a workbook whose part {part.filename} is packed more than {WORKBOOK_RATIO_MAX} times as small as "
                "it is, as no sheet of data is: save it as CSV UTF-8"
            )


def _require_size(part: zipfile.ZipInfo, bytes_max: int) -> None:
    if part.file_size > bytes_max:
        raise UnreadableWorkbook(
            f"is a workbook whose part {part.filename} has {part.file_size} bytes when it is unpacked, and at most "
            f"{bytes_max} are read: split the sheet, or save it as CSV UTF-8"
        )
