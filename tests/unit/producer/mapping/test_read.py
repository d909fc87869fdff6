"""A mapping that is none is refused with the key that is wrong, whatever stands there."""

import pytest

from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.mapping.read import parse_mapping


def refusal(text: str) -> str:
    """Words of the refusal."""
    with pytest.raises(WrongMapping) as refused:
        parse_mapping(text.encode(), name="m")
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[fields]\nname = { column = 'A', values = { x = [1] } }", "fields.name.values.x"),
        ("[fields]\npriority = nan", "fields.priority.value"),
        ("[fields]\nname = 12:00:00", "fields.name.value"),
        ("[fields]\nname = { column = 'A', default = [1] }", "fields.name.default"),
        ("[fields]\nname = [1]", "fields.name.value"),
        ("[tables.t]\nx = [1]\n[fields]\nname = 'A'", "tables.t.x"),
    ],
)
def test_a_value_of_no_kind_is_one_problem(text: str, key: str) -> None:
    """It is not told once for each kind that it could have been."""
    first, *others = refusal(text).removeprefix("m is no mapping:\n").splitlines()
    assert first.startswith(f"  {key}: must be a text, a number, true or false, or a date, not ")
    assert others == []


def test_a_text_that_is_too_long_is_told_as_that() -> None:
    """It is a text, so that nothing is said of other kinds."""
    assert refusal(f"[fields]\nname = {{ value = '{'x' * 2_000}' }}").count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "[fields]\nname = " + "[" * 5_000 + "]" * 5_000,
        "[fields]\n" + ".".join(["a"] * 5_000) + " = 1",
        "[fields]\npriority = " + "9" * 5_000,
        "fields = 1",
        "",
        "[fields]\nname = 'A'\nname = 'B'",
    ],
)
def test_whatever_is_no_mapping_is_refused(text: str) -> None:
    """Depth, length and repetition are no defects of ours."""
    assert refusal(text).startswith("m is no ")
