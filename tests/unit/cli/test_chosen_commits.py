"""Files that name commits, and the choice between one commit, a batch and a file."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from trueup.producer.files.opening.content import UnreadableInput
from trueup_worker.cli.ledger.chosen_commits import Chosen, names_in
from trueup_worker.cli.terminal.exits import CommandError


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a, with a comma\r\n\r\n  b \r\n", ["a, with a comma", "b"]),
        ("name,uniqueness_key\nAcme,a\nBirch,b\n", ["a", "b"]),
        ("\ufeffCommit;reason\na;x\n;y\n", ["a"]),
        ('note\tid\n"two\twords"\ta\n', ["a"]),
    ],
)
def test_a_file_names_commits(tmp_path: Path, content: str, expected: list[str]) -> None:
    """One a line, or in the column that the header calls so, whatever stands between columns."""
    plain, packed = tmp_path / "ids.csv", tmp_path / "ids.csv.gz"
    plain.write_bytes(content.encode())
    packed.write_bytes(gzip.compress(content.encode()))
    assert list(names_in(str(plain))) == list(names_in(str(packed))) == expected


def test_a_file_that_names_none_is_refused(tmp_path: Path) -> None:
    """Nothing was changed, and that is no success."""
    (tmp_path / "ids.csv").write_text("commit,reason\n")
    with pytest.raises(CommandError, match="names no commit"):
        list(names_in(str(tmp_path / "ids.csv")))


def test_a_line_that_is_no_text_is_told(tmp_path: Path) -> None:
    """With its number, and how to save the file."""
    (tmp_path / "ids.csv").write_bytes(b"a\n\xff\n")
    with pytest.raises(UnreadableInput, match="line 2 is not UTF-8"):
        list(names_in(str(tmp_path / "ids.csv")))


@pytest.mark.parametrize("given", [{}, {"commit": "a", "batch": "b"}, {"batch": "b", "file": "c"}])
def test_one_way_to_choose_is_taken(given: dict[str, Any]) -> None:
    """None, or two, is a usage error."""
    with pytest.raises(CommandError, match="say which commits"):
        Chosen(**given)
