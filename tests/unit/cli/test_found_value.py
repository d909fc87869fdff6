"""Values that errors are about are shown beside their messages."""

import pytest

from trueup.producer.files.row import Row
from trueup_worker.cli.requests.found_value import RowValues


@pytest.mark.parametrize(
    ("body", "path", "told"),
    [
        ('{"a": "1,500.00"}', "/a", "is wrong: found '1,500.00'"),
        ('{"a": ["\\u001b[31m"]}', "/a/0", "is wrong: found '\\x1b[31m'"),
        ('{"a": 1.50}', "/a", "is wrong: found 1.50"),
        ('{"a": true}', "/a", "is wrong: found true"),
        (f'{{"a": "{"x" * 100}"}}', "/a", f"is wrong: found '{'x' * 40}…'"),
        ('{"a": {}}', "/a", "is wrong"),
        ("{}", "/a", "is wrong"),
        ("{}", "", "is wrong"),
        ("{", "/a", "is wrong"),
    ],
)
def test_a_value_is_shortened_and_escaped(body: str, path: str, told: str) -> None:
    """Lists, objects and what is not there add nothing."""
    assert RowValues(Row(1, "commit", None, body)).with_value(path, "is wrong") == told


def test_a_row_that_is_raw_has_no_values() -> None:
    """Its message says what was found."""
    assert RowValues(Row(1, "commit", None, "{}", raw=True)).with_value("/a", "is wrong") == "is wrong"
