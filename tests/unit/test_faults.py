"""The table of faults, which ends the tests' page, is held to the tests."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS / "README.md").read_text(encoding="utf-8").partition("\n## Which fault has which test\n")[2]
ROWS = re.findall(r"(?m)^\| (?!fault |---)(.+?) \| (.+) \|$", PAGE)
OPEN = re.compile("open: comes with (webhooks|deployment)")
UNTOLD = {"content"}  # what weighs, or takes long, by its content: of no row of the table alone
FAMILIES = [path for path in sorted((TESTS / "chaos/faults").glob("*.py")) if "\nKINDS: " in path.read_text()]


@pytest.mark.parametrize(("fault", "shown"), ROWS, ids=[fault for fault, _ in ROWS])
def test_each_fault_has_its_test(fault: str, shown: str) -> None:
    """The tests that it names exist, or it waits for what does not exist yet."""
    named = re.findall(r"`([^`]+)::(\w+)`", shown)
    assert named or OPEN.fullmatch(shown), fault
    for path, function in named:
        assert re.search(rf"(?m)^(async )?def {function}\(", (TESTS / path).read_text(encoding="utf-8")), (
            path,
            function,
        )


def test_no_fault_stands_there_twice() -> None:
    """Under each heading each fault has one row, and there are as many as there should be."""
    for part in PAGE.split("\n### ")[1:]:
        faults = re.findall(r"(?m)^\| (?!fault |---)(.+?) \|", part)
        assert len(set(faults)) == len(faults)
    assert len(ROWS) >= 86


@pytest.mark.parametrize("family", FAMILIES, ids=[path.stem for path in FAMILIES])
def test_each_family_of_chaos_is_told(family: Path) -> None:
    """Whatever the rounds do stands in the table, at least with one kind of its family."""
    assert f"chaos/faults/{family.name}::" in PAGE or family.stem in UNTOLD
