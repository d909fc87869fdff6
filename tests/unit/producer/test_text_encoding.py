"""Texts in other encodings than UTF-8."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.producer.files.opening.content import UnreadableInput, open_source
from trueup.producer.files.opening.text_encoding import WrongEncoding, require_encoding
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan

HEADER = "customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before,name"
CELLS = "13117714-3f05-48e5-a6e9-a66093f13b4d,PREPAID,1,f14d6729-6a44-4b13-9908-9387f1918790,1,2026-01-01,2027-01-01"
ENCODINGS = ["cp1252", "mac_roman", "cp850", "utf-16", "utf-16-le", "utf-16-be", "shift_jis", "gb18030", "utf-32"]


def read(path: Path, encoding: str | None) -> list[Row]:
    """The rows of a file."""
    told = Reading(encoding=None if encoding is None else require_encoding(encoding))
    with open_source(path, reading=told) as source:
        return list(rows(source, scanned=scan(source)))


def refusal(path: Path, encoding: str | None = None) -> str:
    """Why a file is refused."""
    with pytest.raises(UnreadableInput) as refused:
        read(path, encoding)
    return str(refused.value)


@given(data=st.data(), encoding=st.sampled_from(ENCODINGS), is_zipped=st.booleans(), end=st.sampled_from("\n\r"))
def test_a_table_is_the_same_in_each_encoding(
    *, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, encoding: str, is_zipped: bool, end: str
) -> None:
    """Every cell is read as it was before it was written so."""
    family = encoding.removesuffix("-le").removesuffix("-be")
    characters = (
        st.sampled_from('山田表ソカナｶ1a,;"')
        if family == "shift_jis"
        else st.characters(codec=family, exclude_characters="\0\r\n\ufeff")
    )
    names = data.draw(st.lists(st.text(characters, min_size=1).filter(str.strip), min_size=1, max_size=5))
    file = io.StringIO()
    csv.writer(file, lineterminator=end).writerows([HEADER.split(","), *([*CELLS.split(","), name] for name in names)])
    path = tmp_path_factory.getbasetemp() / "table.csv"
    content = file.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(content) if is_zipped else content)
    found = [json.loads(row.text).get("name", "") for row in read(path, encoding)]
    assert found == [name.strip(" \t\r\n\xa0") for name in names]


def test_an_encoding_counts_into_the_digest() -> None:
    """What is read otherwise is another batch; UTF-8 is what is read anyway."""
    told = Reading(encoding=require_encoding("Windows-1252"))
    assert told.digest("00") == Reading(encoding="cp1252").digest("00") != AS_IT_STANDS.digest("00")
    assert require_encoding("UTF8") is None


@pytest.mark.parametrize("name", ["cp12525", "hex", "punycode", "unicode_escape", "a\0b", ""])
def test_what_is_no_encoding_is_refused(name: str) -> None:
    """With names of those that Excel writes."""
    with pytest.raises(WrongEncoding, match=r"cp1252 \(Excel on Windows\)"):
        require_encoding(name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told(tmp_path: Path, encoding: str) -> None:
    """With both cures: another way to save it, and the option that reads it."""
    path = tmp_path / "deals.csv"
    path.write_bytes(f"{HEADER}\n{CELLS},Müller\n".encode(encoding))
    said = refusal(path)
    assert "is UTF-16: save it as UTF-8 (in Excel: CSV UTF-8), or say --encoding utf-16" in said
    assert json.loads(read(path, said.split("--encoding ")[1].split()[0])[0].text)["name"] == "Müller"


def test_a_code_page_is_told_with_both_cures(tmp_path: Path) -> None:
    """Each row of it says what was found; the option reads them all."""
    path = tmp_path / "deals.csv"
    path.write_bytes(f"{HEADER}\n{CELLS},Müller\n".encode("cp1252"))
    (row,) = read(path, None)
    assert row.form
    assert row.form.code == "not_utf8"
    assert (
        "'Müller' in cp1252; save the file as UTF-8 (in Excel: CSV UTF-8), or say --encoding cp1252" in row.form.found
    )
    assert json.loads(read(path, "cp1252")[0].text)["name"] == "Müller"


def test_what_is_no_character_of_the_encoding_is_the_row_s(tmp_path: Path) -> None:
    """The other rows are read."""
    path = tmp_path / "deals.csv"
    path.write_bytes(f"{HEADER}\n{CELLS},a\x81b\n{CELLS},\xfc\n".encode("latin-1"))
    odd, good = read(path, "cp1252")
    assert odd.form
    assert "the byte 0x81 in 'a" in odd.form.found
    assert json.loads(good.text)["name"] == "ü"


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (
            b"\xef\xbb\xbfcustomer_id",
            "cp1252",
            "is UTF-8, as its first bytes say, and not cp1252: leave --encoding out",
        ),
        (b"\x00\x01\x02\x03", "cp1252", "is a binary file, or text in another encoding than cp1252"),
        (b"\x00\x01\x02\x03", None, "is a binary file"),
    ],
)
def test_what_is_no_text_in_it_is_refused(tmp_path: Path, content: bytes, encoding: str | None, said: str) -> None:
    """Before anything of it is read."""
    path = tmp_path / "deals.csv"
    path.write_bytes(content)
    assert said in refusal(path, encoding)


def test_a_pipe_is_read_in_its_encoding() -> None:
    """All of it is copied, though UTF-16 is full of zero bytes."""
    piped = io.BytesIO((f"{HEADER}\n" + f"{CELLS},Müller\n" * 20_000).encode("utf-16"))
    with open_source("-", stdin=piped, reading=Reading(encoding="utf-16")) as source:
        assert scan(source).rows == 20_000
