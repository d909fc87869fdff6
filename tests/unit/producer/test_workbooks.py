"""Workbooks: what their cells say, and what is refused."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.unit.producer.mapping.tables import mapping_text
from trueup.producer.files.columns.numbers import NumberMarks
from trueup.producer.files.mapping.read import parse_mapping
from trueup.producer.files.opening import workbook_file
from trueup.producer.files.opening.content import ChangedInput, UnreadableInput, open_source
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import header_of, rows, scan
from trueup.producer.files.tables import shared_strings, sheet_rows
from trueup.producer.files.tables import workbook as tables_workbook
from trueup.producer.files.tables.open_table import open_table
from trueup.producer.files.tables.table import AROUND

HEADER = (
    "uniqueness_key,customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before,name"
)
CELLS = [
    "k", "13117714-3f05-48e5-a6e9-a66093f13b4d", "PREPAID", 1, "f14d6729-6a44-4b13-9908-9387f1918790", 10,
    "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z",
]  # fmt: skip
SAMPLE = Path(__file__).parents[3] / "deploy/examples/excel-sheet/commitments.xlsx"
FIELDS = 'uniqueness_key = "{ID}"\nname = "Deal"\naccess_amount = "Amount"'


def workbook(folder: Path, *table: Any, before: Callable[[Any], object] = bool, name: str = "deals.xlsx") -> Path:
    """A workbook with a table."""
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    before(book)
    path = folder / name
    book.save(path)
    return path


def changed(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with another content of a part, which is added where there is none."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    parts[part] = change(parts.get(part, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def renamed(path: Path, part: str, other: str) -> Path:
    """The workbook with another name of a part, its relations beside it."""

    def moved(name: str) -> str:
        whole = Path(name)
        return str(whole.with_name(f"{Path(other).name}.rels")) if whole.name == f"{Path(part).name}.rels" else name

    with zipfile.ZipFile(path) as archive:
        parts = {other if name == part else moved(name): archive.read(name) for name in archive.namelist()}
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(f'"/{part}"'.encode(), f'"/{other}"'.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def sample(folder: Path) -> Path:
    """A workbook whose cells share texts, as those of Excel do."""
    path = folder / "sample.xlsx"
    path.write_bytes(SAMPLE.read_bytes())
    return path


def cells_of(path: Path, **options: Any) -> list[list[str]]:
    """The cells of the records below a first row."""
    with open_source(path, reading=Reading(**options)) as source, open_table(source, bool) as table:
        return [table.cells(record) for record in table.records()]


def read(path: Path, reading: Reading = AS_IT_STANDS, warnings: list[str] | None = None) -> list[Row]:
    """Both passes over a file."""
    with open_source(path, reading=reading) as source:
        scanned = scan(source, warn=None if warnings is None else warnings.append)
        found = list(rows(source, scanned=scanned))
    assert scanned.rows == len(found)
    return found


def refusal(path: Path, reading: Reading = AS_IT_STANDS) -> str:
    """Why a file is refused."""
    with pytest.raises(UnreadableInput) as refused:
        read(path, reading)
    return str(refused.value)


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=12).filter(
    lambda text: not text.startswith("=") and "_x00" not in text and "x005F_" not in text
)
_NUMBERS = st.integers(-(10**15) + 1, 10**15 - 1) | st.decimals(-(10**9), 10**9, places=4, allow_nan=False)
_DATES = st.dates(date(1900, 3, 1), date(9999, 12, 31))
_TIMES = st.builds(datetime.combine, _DATES, st.times().map(lambda each: each.replace(microsecond=0)))


def shown(value: Any) -> str:
    """What a cell of this value says."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return value.isoformat().removesuffix("T00:00:00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return str(value).strip(AROUND) if value is not None else ""


@settings(max_examples=40)
@given(
    table=st.lists(
        st.lists(st.none() | _TEXTS | _NUMBERS | _DATES | _TIMES | st.booleans(), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    ),
    counts_from_1904=st.booleans(),
)
def test_a_table_is_the_same_in_a_workbook(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[Any]], *, counts_from_1904: bool
) -> None:
    """Texts, numbers with every digit, dates, times and truth values; rows without any are left out."""

    def epoch(book: Any) -> None:
        if counts_from_1904:
            book.epoch = CALENDAR_MAC_1904

    if counts_from_1904:
        table = [[each.replace(year=2026, day=1) if isinstance(each, date) else each for each in row] for row in table]
    path = workbook(tmp_path_factory.getbasetemp(), ["a", "b", "c"], *table, before=epoch)
    written = [[shown(value) for value in row] for row in table]
    assert cells_of(path) == [row for row in written if any(row)]


def test_a_row_of_a_workbook_is_a_request(tmp_path: Path) -> None:
    """Its number counts records, a row that fails is written as CSV; a title above the header is told."""
    path = workbook(tmp_path, ["Deals 2030"], [], HEADER.split(","), [], [*CELLS, "a, b"], [], [*CELLS, "x", "y"])
    warnings: list[str] = []
    good, odd = read(path, warnings=warnings)
    assert (json.loads(good.text)["name"], good.number, odd.number) == ("a, b", 1, 2)
    assert odd.form
    assert odd.form.found == "record 2 (row 7): 10 cells where the header has 9"
    assert (good.record or b"").endswith(b',"a, b"')
    with open_source(path) as source:
        assert header_of(source, kind="commit") == HEADER.encode()
    assert "lines above its header are left out: 'Deals 2030'" in warnings[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("#N/A", "the cell F2 is '#N/A', an error of the sheet"),
        ("#REF!", "the cell F2 is '#REF!', an error of the sheet"),
        ("=1+1", "the cell F2 is a formula without its value: open the file in a spreadsheet, and save it"),
        (0.1234567890123456, "the cell F2 is 0.1234567890123456, with more than 15 digits: round it"),
        (1e15, "the cell F2 is '1000000000000000': a number of more than 15 digits"),
        (-12345678901234567890, "a number of more than 15 digits"),
    ],
)
def test_a_cell_that_says_nothing_certain_refuses_its_row(tmp_path: Path, value: Any, said: str) -> None:
    """By its name in the sheet; the rows beside it are read."""
    odd = [*CELLS[:5], value, *CELLS[6:], "a"]
    row, good = read(workbook(tmp_path, HEADER.split(","), odd, [*CELLS, "b"]))
    assert row.form
    assert row.form.code == "cell_unreadable"
    assert said in row.form.found
    assert not good.raw


def test_digits_that_a_sum_left_are_refused(tmp_path: Path) -> None:
    """Nobody knows which were meant; the nearest number that a sheet writes with all its digits is that number."""
    xml = b"<row><c><v>1</v></c></row><row><c><v>0.30000000000000004</v></c><c><v>301000.09999999998</v></c></row>"
    path = changed(workbook(tmp_path, ["a"]), "xl/worksheets/sheet1.xml", sheet(xml))
    with open_source(path) as source, open_table(source, bool) as table:
        (record,) = table.records()
    assert record.odd == {
        0: "the cell A2 is 0.30000000000000004, with more than 15 digits: round it in the sheet, as with =ROUND(…, 2)"
    }
    assert record.cells == ("0.30000000000000004", "301000.1")


def test_a_cell_that_nobody_reads_refuses_nothing(tmp_path: Path) -> None:
    """With a mapping only its columns count, and rows are left out first: by what their own cells say for certain."""
    skip = '[[skip]]\ncolumn = "Stage"\nis_not = "Won"'
    path = workbook(
        tmp_path,
        ["ID", "Deal", "Amount", "Stage", "Note"],
        ["1", "A", 5, "Won", "#N/A"],
        ["2", "B", "#REF!", "Lost"],
        ["3", "C", "#REF!", "Won"],
        ["4", "D", 5, "#N/A"],
    )
    good, odd, unknown = read(path, Reading(mapping=parse_mapping(mapping_text(FIELDS, skip).encode(), name="m.toml")))
    assert (good.raw, odd.raw, odd.number) == (False, True, 3)
    assert unknown.form
    assert "the cell D5 is '#N/A', an error of the sheet" in unknown.form.found


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        (7, "00000", "00007"),
        (0.15, "0%", "0.15"),
        (1234.5, "#,##0.00", "1234.5"),
        (1e-7, "General", "0.0000001"),
        (timedelta(hours=30), "[h]:mm:ss", "1.25"),
        (datetime.fromisoformat("2030-01-31T14:30"), "d.m.yy hh:mm", "2030-01-31T14:30:00"),
        (date(2030, 1, 31), "[$-407]d. mmmm yyyy", "2030-01-31"),
        (time(14, 30), "hh:mm", "14:30:00"),
        (46_000, "yyyy", "2025-12-09"),
        (46_000, '"day" 0', "46000"),
        (-1, "yyyy-mm-dd", "-1.0"),
    ],
)
def test_formats_of_numbers(tmp_path: Path, value: Any, code: str, said: str) -> None:
    """A number is what it is, and not as wide as its column shows it; dates are days; zeros before an id stay."""

    def formatted(book: Any) -> None:
        book.active["A2"].number_format = code

    assert cells_of(workbook(tmp_path, ["a"], [value], before=formatted)) == [[said]]


@pytest.mark.parametrize(
    ("amount", "rest", "told"),
    [
        ('"Amount"', '[numbers]\ndecimal = ","\nthousands = "."', None),
        ('{ column = "Amount", decimal = ",", thousands = "." }', "", None),
        ('{ column = "Amount", decimal = ",", thousands = "." }', "", False),
        ('{ template = "{Amount}", decimal = ",", thousands = "." }', "", None),
        ('"Amount"', '[numbers]\ndecimal = ","\nthousands = "."', False),
    ],
)
def test_decimals_are_written_as_their_column_is_read(
    tmp_path: Path, amount: str, rest: str, *, told: bool | None
) -> None:
    """Where a mapping reads decimal commas, a cell that is a number is no text with a point."""
    fields = FIELDS.replace('"Amount"', amount)
    reading = Reading(NumberMarks(told), parse_mapping(mapping_text(fields, rest).encode(), name="m.toml"))
    path = workbook(tmp_path, ["ID", "Deal", "Amount"], ["1", "A", 12.345], ["2", "B", "1.212,345"])
    number, text = read(path, reading)
    amounts = [json.loads(row.text)["access_schedule"]["schedule_items"][0]["amount"] for row in (number, text)]
    assert amounts == [12.345, 1212.345]
    assert number.record == b'1,A,"12,345"'


def test_decimals_are_read_as_options_say_where_no_mapping_does(tmp_path: Path) -> None:
    """The options speak of texts; what a cell of the sheet is worth does not change with them."""
    table = (HEADER.split(","), [*CELLS[:5], 12.345, *CELLS[6:], "a"])
    for marks in (NumberMarks(decimal_comma=True, thousands="."), NumberMarks(thousands=","), NumberMarks()):
        (row,) = read(workbook(tmp_path, *table), Reading(marks))
        assert json.loads(row.text)["access_schedule"]["schedule_items"][0]["amount"] == 12.345


def test_a_sheet_is_named(tmp_path: Path) -> None:
    """The first one that is not hidden is read, and told where there are others; a wrong name is refused."""

    def sheets(book: Any) -> None:
        book.active.sheet_state = "hidden"
        for name, cell in (("Deals", "shown"), ("Notes", "other")):
            book.create_sheet(name).append(HEADER.split(","))
            book[name].append([*CELLS, cell])

    path, warnings = workbook(tmp_path, ["lists"], before=sheets), list[str]()
    assert json.loads(read(path, warnings=warnings)[0].text)["name"] == "shown"
    assert "its sheet 'Deals' is read; --sheet NAME reads another one ('Sheet', 'Notes')" in warnings[0]
    assert json.loads(read(path, Reading(sheet="Notes"))[0].text)["name"] == "other"
    assert "has no sheet 'notes' (did you mean 'Notes'?); it has 'Sheet', 'Deals', 'Notes'" in refusal(
        path, Reading(sheet="notes")
    )
    assert Reading(sheet="Notes").digest("00") != Reading(sheet="Deals").digest("00") != AS_IT_STANDS.digest("00")


def test_merged_cells_have_their_text_once(tmp_path: Path) -> None:
    """As a spreadsheet keeps them; columns and rows without content are none."""

    def merged(book: Any) -> None:
        book.active.merge_cells("B2:C2")
        book.active["Z40"].number_format = "0.00"

    assert cells_of(workbook(tmp_path, ["a", "b", "c"], ["1", "2", None], before=merged)) == [["1", "2", ""]]


def test_a_workbook_may_come_through_a_pipe(tmp_path: Path) -> None:
    """All of it is copied first."""
    piped = io.BytesIO(workbook(tmp_path, HEADER.split(","), [*CELLS, "a"]).read_bytes())
    with open_source("-", stdin=piped) as source:
        assert scan(source).rows == 1


def test_options_of_texts_are_refused(tmp_path: Path) -> None:
    """A workbook has no encoding, and a text no sheets."""
    assert "leave --encoding out" in refusal(workbook(tmp_path, ["a"]), Reading(encoding="cp1252"))
    (tmp_path / "a.csv").write_text(f"{HEADER}\n")
    assert "--sheet goes with workbooks (.xlsx)" in refusal(tmp_path / "a.csv", Reading(sheet="Deals"))


def test_what_is_no_workbook_of_today_is_told_with_its_cure(tmp_path: Path) -> None:
    """Old, binary, with macros or a password, of LibreOffice, or another archive."""
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5_000)

    def said(content: bytes) -> str:
        path = tmp_path / "deals.xlsx"
        path.write_bytes(content)
        return refusal(path)

    def archive(**parts: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as written:
            for name, content in parts.items():
                written.writestr(name, content)
        return file.getvalue()

    assert "is a workbook of the old form (.xls): save it as Excel Workbook (.xlsx), or as CSV UTF-8" in said(old)
    assert "with a password: save it without one" in said(old + "EncryptedPackage".encode("utf-16-le"))
    opened = b"application/vnd.oasis.opendocument.spreadsheet"
    assert "is a table of LibreOffice (.ods): save it as" in said(archive(mimetype=opened))
    assert "is a binary workbook (.xlsb)" in said(archive(**{"xl/workbook.bin": b""}))
    assert "is a workbook with macros (.xlsm)" in said(archive(**{"xl/vbaProject.bin": b""}))
    assert "is a ZIP archive, and no workbook: unpack it" in said(archive(**{"deals.csv": b"a"}))
    whole = workbook(tmp_path, ["a"]).read_bytes()
    assert "cut short or corrupt" in said(whole[: len(whole) // 2])


def sheet(xml: bytes) -> Callable[[bytes], bytes]:
    """A sheet of these rows."""
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return lambda _: b"<worksheet %b><sheetData>%b</sheetData></worksheet>" % (space, xml)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (b"<row/>" * 101, "a sheet of more than 100 rows"),
        (b"<row>" + b"<c/>" * 6_000 + b"</row>", "a row of more than 702 cells"),
        (b'<row><c r="AAA1"><v>1</v></c></row>', "a row of more than 702 cells"),
        (b"<row><c>" * 100, "a row of more than"),
        (b'<row><c t="str"><v>' + b"x" * 5_000_000 + b"</v></c></row>", "packed more than 200 times"),
        (b'<row><c t="s"><v>99</v></c></row>', "cannot be read"),
        (b"<row><c>", "cannot be read"),
        (b"<row><c><v>one</v></c></row>", "cannot be read"),
    ],
)
def test_hostile_sheets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xml: bytes, said: str) -> None:
    """Before they cost more than a sheet of data."""
    monkeypatch.setattr(sheet_rows, "SHEET_ROWS_MAX", 100)
    monkeypatch.setattr(sheet_rows, "SHEET_COLUMNS_MAX", 702)
    assert said in refusal(changed(workbook(tmp_path, ["a"]), "xl/worksheets/sheet1.xml", sheet(xml)))


@pytest.mark.parametrize(
    "part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml"]
)
def test_entities_are_refused(tmp_path: Path, part: str) -> None:
    """Wherever they stand: no workbook has any."""
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]>'
    said = refusal(changed(sample(tmp_path), part, lambda xml: bomb + xml.partition(b"?>")[2]))
    assert "cannot be read" in said


@pytest.mark.parametrize("limit", ["SHEET_BYTES_MAX", "WORKBOOK_PART_BYTES_MAX"])
def test_parts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """What they have when they are unpacked is judged before they are."""
    path = sample(tmp_path)
    monkeypatch.setattr(workbook_file, limit, 100)
    said = refusal(path)
    assert "bytes when it is unpacked, and at most 100 are read: split the sheet" in said


@pytest.mark.parametrize(
    ("part", "limit"),
    [("xl/sharedStrings.xml", "SHARED_STRINGS_BYTES_MAX"), ("xl/workbook.xml", "WORKBOOK_PART_BYTES_MAX")],
)
def test_parts_are_bounded_whatever_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, limit: str
) -> None:
    """A workbook says by a part's type what it is; the usual names bind nobody."""
    path = renamed(sample(tmp_path), part, "xl/other.xml")
    assert len(cells_of(path)) > 1
    monkeypatch.setattr(tables_workbook, limit, 100)
    assert "whose part xl/other.xml has" in refusal(path)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (b"<si/>" * 11, "a workbook of more than 10 texts"),
        (b"<si>" + b"<r/>" * 21 + b"</si>", "a text of more parts than it may have"),
        (b"<a/>" * 5 + b"<si>", "cannot be read"),
    ],
)
def test_hostile_texts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xml: bytes, said: str) -> None:
    """Before they cost more than those of a spreadsheet."""
    monkeypatch.setattr(shared_strings, "SHARED_STRINGS_MAX", 10)
    monkeypatch.setattr(shared_strings, "_INNER_MAX", 20)
    path = changed(sample(tmp_path), "xl/sharedStrings.xml", lambda _: b"<sst>" + xml + b"</sst>")
    assert said in refusal(path)


def test_texts_that_cells_share(tmp_path: Path) -> None:
    """Their runs are joined, without what is to be read aloud; control characters and what only looks so are told."""
    runs = b"<si><r><t>a </t></r><r><t>b</t></r><rPh><t>x</t></rPh></si>"
    xml = b"<sst>" + runs + b"<si><t>c_x000D_d _x005F_x000D_</t></si></sst>"
    path = changed(sample(tmp_path), "xl/sharedStrings.xml", lambda _: xml)
    shared = sheet(b'<row><c><v>1</v></c></row><row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>')
    changed(path, "xl/worksheets/sheet1.xml", shared)
    assert cells_of(path) == [["a b", "c\rd _x000D_"]]


def test_names_over_several_lines(tmp_path: Path) -> None:
    """A mapping names them with a space, or as they stand there."""
    table = (["ID", "Deal\n(name)", "Amount\nin EUR"], ["1", "A\nB", 5])
    fields = 'uniqueness_key = "{ID}"\nname = "Deal (name)"\naccess_amount = "Amount\\nin EUR"'
    mapping = parse_mapping(mapping_text(fields).encode(), name="m.toml")
    (row,) = read(workbook(tmp_path, *table), Reading(mapping=mapping))
    body = json.loads(row.text)
    assert (body["name"], body["access_schedule"]["schedule_items"][0]["amount"]) == ("A\nB", 5)


@pytest.mark.parametrize("change", ["removed", "cut short"])
def test_a_workbook_that_changes_after_its_first_pass(tmp_path: Path, change: str) -> None:
    """It is told as a change, whatever that does to the archive."""
    path = workbook(tmp_path, HEADER.split(","), *([*CELLS, f"deal {number}"] for number in range(200)))
    with open_source(path) as source:
        scanned = scan(source)
        if change == "removed":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(ChangedInput):
            list(rows(source, scanned=scanned))
