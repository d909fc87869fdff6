"""Inputs as bytes: what can be read, and what is told so (issue 2, bad input)."""

import gzip
import hashlib
import io
import os
import tracemalloc
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from trueup.limits import BODY_BYTES_MAX
from trueup.producer.files.opening.content import (
    LINE_BYTES_MAX,
    ChangedInput,
    Source,
    UnreadableInput,
    lines,
    open_source,
    sha256_hex,
)
from trueup.producer.files.reading import Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan

ROW = b'{"uniqueness_key": "k"}\n'
gzipped = partial(gzip.compress, mtime=0)  # tests are named by parameters, and named alike in each process


def write(folder: Path, name: str, content: bytes) -> Path:
    """A file."""
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path | str) -> str:
    """What the first pass says of an input that cannot be read."""
    with pytest.raises(UnreadableInput) as refused, open_source(path) as source:
        scan(source)
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n\n", "is empty"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        (b"\x7fELF\x02\x01\x00\x00", "binary"),
        (gzipped(b""), "is empty"),
        (gzipped(ROW * 1000)[:-9], "cut short or corrupt"),
        (gzipped(ROW * 1000)[:5], "cut short or corrupt"),
        (gzipped(ROW * 1000)[:-8] + b"12345678", "cut short or corrupt"),
        (gzipped(ROW * 1000)[:30] + b"\0" * 10, "cut short or corrupt"),
        (b"\x1f\x8bnot gzip at all", "cut short or corrupt"),
    ],
)
def test_unreadable_content(tmp_path: Path, content: bytes, said: str) -> None:
    """The first pass finds it, and the message says what it is."""
    assert said in refusal(write(tmp_path, "requests.jsonl", content))


def test_gzip_cut_short_far_from_its_beginning(tmp_path: Path) -> None:
    """Not the first block but the whole file is read before anything is sent."""
    lines = b"".join(
        b'{"uniqueness_key": "%s"}\n' % hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(9000)
    )
    whole = gzipped(lines)
    assert "cut short" in refusal(write(tmp_path, "requests.jsonl.gz", whole[: len(whole) // 2]))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """Both are named."""
    assert "missing.jsonl does not exist" in refusal(tmp_path / "missing.jsonl")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", b"customer_id,type\n", "jsonl"),
        ("a.NDJSON", b"x", "jsonl"),
        ("a.csv", b"{", "csv"),
        ("a.csv.gz", gzipped(b"{"), "csv"),
        ("a.txt", b'  {"customer_id": 1}', "jsonl"),
        ("a.txt", b"\xef\xbb\xbftype,customer_id\n", "csv"),
        ("a", b"hello", "csv"),
        ("a", b"Account,Amount\nAlder,5\n", "csv"),
        ("a.tsv", b"{", "csv"),
        ("a.TAB.gz", gzipped(b"{"), "csv"),
        ("report.txt", b'Account\n{"a": 1}\n', "jsonl"),
        ("report.txt", b"Account\n[1]\n", "jsonl"),
    ],
)
def test_the_format_follows_the_name_and_then_the_content(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    """The ending decides; without one, the first line."""
    with open_source(write(tmp_path, name, content)) as source:
        assert source.format == expected


def test_the_digest_is_of_the_uncompressed_content(tmp_path: Path) -> None:
    """A file and its gzip are the same batch; BOM and line ends count."""
    content = b"\xef\xbb\xbf" + ROW.replace(b"\n", b"\r\n") + b"\n" + ROW.rstrip()
    digests = set()
    for name, stored in (("a.jsonl", content), ("b.jsonl.gz", gzipped(content))):
        with open_source(write(tmp_path, name, stored)) as source:
            result = scan(source)
        assert result.rows == 2
        digests.add(result.sha256_hex)
    assert digests == {hashlib.sha256(content).hexdigest()}


def test_standard_input_is_read_twice() -> None:
    """It is spooled first, compressed or not."""
    with open_source("-", stdin=io.BytesIO(gzipped(ROW * 3))) as source:
        assert scan(source).rows == 3
        assert len(list(rows(source))) == 3
        assert source.name == "standard input"


def test_line_ends_and_the_byte_order_mark_are_no_part_of_a_line(tmp_path: Path) -> None:
    """Windows ends, a last line without one; only one BOM, only at the start."""
    with open_source(write(tmp_path, "a.jsonl", b"\xef\xbb\xbfa\r\n\nb\xef\xbb\xbf\r\nc")) as source:
        assert [(line.number, line.text) for line in lines(source)] == [
            (1, b"a"),
            (2, b""),
            (3, b"b\xef\xbb\xbf"),
            (4, b"c"),
        ]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n{}\n"])
@pytest.mark.parametrize("size", [LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1])
def test_lines_around_the_limit(tmp_path: Path, size: int, end: bytes) -> None:
    """None is taken for two, and none lost."""
    with open_source(write(tmp_path, "a.jsonl", b"x" * size + end)) as source:
        found = list(rows(source))
    assert [row.number for row in found] == ([1, 2] if end.endswith(b"}\n") else [1])
    assert found[0].raw_bytes is not None
    assert found[0].raw_bytes > BODY_BYTES_MAX


def test_a_scan_that_fails_does_not_wait_for_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that is refused at its first line no more is read, however large it is."""
    stops = []

    def never_ends(_: Source, *, stop: Event) -> str:
        stops.append(stop.wait(timeout=30))
        return ""

    monkeypatch.setattr("trueup.producer.files.rows.sha256_hex", never_ends)
    refusal(write(tmp_path, "a.csv", b"customer\nx\n"))
    assert stops == [True]


def test_a_digest_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Before its next piece."""
    stop = Event()
    stop.set()
    with open_source(write(tmp_path, "a.jsonl", ROW)) as source:
        assert sha256_hex(source, stop=stop) == hashlib.sha256().hexdigest()
        assert sha256_hex(source, stop=Event()) == hashlib.sha256(ROW).hexdigest()


def test_a_line_of_fifty_megabytes_is_not_held(tmp_path: Path) -> None:
    """Memory stays flat; the row travels as its beginning, and its neighbours as themselves."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(ROW + b'{"name": "')
        for _ in range(50):
            file.write(b"x" * 1024 * 1024)
        file.write(b'"}\n' + ROW)
    tracemalloc.start()
    with open_source(path) as source:
        result = scan(source)
        large = list(rows(source))[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.rows == 3
    assert (large.raw, large.raw_bytes) == (True, 50 * 1024 * 1024 + 13)
    assert peak < 12 * 1024 * 1024


def test_a_fifo_is_read_twice(tmp_path: Path) -> None:
    """It is copied first, and called what the user called it."""
    fifo = tmp_path / "rows.csv"
    os.mkfifo(fifo)
    content = b"customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before\nc,,,,,,\n"
    writer = Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    with open_source(fifo) as source:
        scanned = scan(source)
        assert (scanned.format, scanned.rows, len(list(rows(source, scanned=scanned)))) == ("csv", 1, 1)
        assert source.name == str(fifo)
    writer.join()


def test_a_pipe_without_rows_is_empty() -> None:
    """As any file without them is."""
    with pytest.raises(UnreadableInput, match="standard input is empty"), open_source("-", stdin=io.BytesIO(b"\n")):
        pass


@pytest.mark.parametrize("encoding", [None, "cp1252"])
@pytest.mark.parametrize("at", [9 * 1024, 900 * 1024])
def test_a_pipe_with_a_stray_nul_is_copied_whole(tmp_path: Path, at: int, encoding: str | None) -> None:
    """What is judged as text from a file is as much from a pipe: no row after the first piece is lost."""
    content = ROW * (3 * 1024 * 1024 // len(ROW))
    content = content[:at] + b"\0" + content[at + 1 :]
    reading, path = Reading(encoding=encoding), write(tmp_path, "a.jsonl", content)
    with open_source(path, reading=reading) as source:
        of_file = scan(source)
    with open_source("-", stdin=io.BytesIO(content), reading=reading) as source:
        assert source.size_bytes == len(content)
        assert scan(source) == of_file


def test_a_device_without_end_is_not_copied_to_its_end() -> None:
    """Its beginning tells that it is no text."""
    assert "binary" in refusal("/dev/zero")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("changed", "said"),
    [(ROW * 4000, "grew"), (ROW * 2999, "shrank"), (b"", "shrank"), (ROW.upper() * 3000, "was changed")],
)
def test_a_file_is_held_to_its_first_pass(tmp_path: Path, changed: bytes, said: str, *, zipped: bool) -> None:
    """What it was at first is told apart from what it is, and of what was added nothing is read."""
    path = write(tmp_path, "a.jsonl", gzip.compress(ROW * 3000, mtime=0) if zipped else ROW * 3000)
    found: list[Row] = []
    with open_source(path) as source:
        scanned = scan(source)
        if zipped:
            changed = gzip.compress(changed, mtime=0)
            said = "grew|shrank|changed"
        path.write_bytes(changed)
        with pytest.raises(ChangedInput, match=said):
            found.extend(rows(source, scanned=scanned))
    assert len(found) <= scanned.rows == 3000


HEADER = b"customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before\n"
RECORD = b"c,PREPAID,1,p,1,s,e\n"
ARRAY = b"[" + b",".join([ROW] * 3000) + b"]"


@pytest.mark.parametrize(
    ("name", "content", "changed"),
    [
        ("a.json", ARRAY, ARRAY[:-1000]),
        ("a.json", ARRAY, ARRAY[:-1000] + b"]"),
        ("a.json", ARRAY, b" " * len(ARRAY)),
        ("a.csv", HEADER + RECORD * 3000, HEADER.replace(b"priority", b"pri0r1ty") + RECORD * 3000),
        ("a.csv", HEADER + RECORD * 3000, HEADER + RECORD * 2999 + b"\n" * len(RECORD)),
        ("a.csv", HEADER + (RECORD[:-1] + b"f\n") * 3000, HEADER + RECORD * 3000 + b"c,,,,,,\n" * 375),
        ("a.csv", HEADER + RECORD * 3000, b""),
        ("a.jsonl.gz", gzipped(ROW * 3000), gzipped(ROW * 3000)[:-4]),
        ("a.jsonl.gz", gzipped(ROW * 3000), gzipped(ROW * 3000)[:-4] + b"0000"),
    ],
)
@pytest.mark.parametrize("has_stamp", [False, True])
def test_what_a_change_makes_unreadable_is_told_as_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, changed: bytes, *, has_stamp: bool
) -> None:
    """The rows before were sent: so it is no file of which nothing was, even where its stamp and size are kept."""
    path = write(tmp_path, name, content)
    with open_source(path) as source:
        scanned = scan(source)
        path.write_bytes(changed)
        if has_stamp:
            monkeypatch.setattr("trueup.producer.files.rows.has_stayed", lambda _: True)
        with pytest.raises(ChangedInput):
            list(rows(source, scanned=scanned))


def test_a_file_that_is_removed_while_it_is_read_has_changed(tmp_path: Path) -> None:
    """Before its later pass, and during it."""
    path = write(tmp_path, "a.jsonl", ROW * 2)
    with open_source(path) as source:
        scanned = scan(source)
        found = rows(source, scanned=scanned)
        next(found)
        path.unlink()
        with pytest.raises(ChangedInput, match=r"a\.jsonl was moved or removed while it was read"):
            list(found)
        with pytest.raises(ChangedInput, match="was moved or removed while it was read"):
            list(rows(source, scanned=scanned))


def test_a_file_that_grows_during_its_first_pass_is_refused(tmp_path: Path) -> None:
    """Nothing of it was sent by then."""
    path = write(tmp_path, "a.jsonl", ROW)
    with open_source(path) as source:
        path.write_bytes(ROW * 2)
        with pytest.raises(ChangedInput, match="grew while it was read, from 24 to 48 bytes"):
            scan(source)


def test_a_file_that_is_only_touched_has_not_changed(tmp_path: Path) -> None:
    """Its content counts, not its time nor its place on the disk."""
    path = write(tmp_path, "a.jsonl", ROW)
    with open_source(path) as source:
        scanned = scan(source)
        path.unlink()
        path.write_bytes(ROW)
        assert len(list(rows(source, scanned=scanned))) == 1


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (b'"name\n(of the deal)",customer_id\n', "csv"),
        (b"Deals\n\ntype;customer_id\n", "csv"),
        (b'garbage\n{"customer_id": 1}\n', "jsonl"),
        (b'{"customer_id": 1}\ncustomer_id\n', "jsonl"),
        (b"garbage\n", "csv"),
    ],
)
def test_the_first_lines_tell_the_format(content: bytes, format_: str) -> None:
    """Of what has no name: a table has no line of JSON, or `customer_id` in its header, wherever that stands."""
    with open_source("-", stdin=io.BytesIO(content)) as source:
        assert source.format == format_
