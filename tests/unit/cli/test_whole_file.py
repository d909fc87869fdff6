"""Files that commands write: there whole, or as they were."""

from contextlib import suppress
from pathlib import Path

import pytest

from trueup_worker.cli.terminal.whole_file import whole_file


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """Whatever ends the writing of it; nothing is left beside it."""
    file = tmp_path / "rows.csv"
    with whole_file(file) as opened:
        opened.write(b"first")
    with suppress(KeyboardInterrupt), whole_file(file) as opened:
        opened.write(b"half")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [file]


def test_a_device_stays_one() -> None:
    """It is written to at once, and nothing takes its place."""
    with whole_file(Path("/dev/null")) as opened:
        opened.write(b"x")
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is written, also where that is not there yet."""
    link = tmp_path / "link"
    link.symlink_to("elsewhere")
    with whole_file(link) as opened:
        opened.write(b"rows")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"rows"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The error says so."""
    with pytest.raises(IsADirectoryError, match="name a file in it"), whole_file(tmp_path):
        pass
