"""Messages about files name the parameters of calls over HTTP, and never the options of the command."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.intake import settings_of
from trueup.producer import files
from trueup_worker.gateway.app import make_app
from trueup_worker.gateway.http.options import in_parameters

OPTION = re.compile(r"--[a-z][a-z-]*")
ONLY_ON_PAPER = "suggest.py", "toml_text.py"  # comments in a mapping that the command writes


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("say --decimal-comma --thousands . if the point", "say decimal_comma=true thousands=. if the point"),
        ("--decimal-point if it stands", "decimal_comma=false if it stands"),
        ("save it, or say --encoding cp1252 if its text is so", "save it, or say encoding=cp1252 if its text is so"),
        ("has no sheets: --sheet goes with workbooks", "has no sheets: sheet goes with workbooks"),
        ("keys of its own: --new --key-suffix=-r2", "keys of its own: new=true key_suffix=-r2"),
        ("leave --mapping out", "leave mapping out"),
        ("--thousands is one of . ,", "thousands is one of . ,"),
    ],
)
def test_an_option_becomes_its_parameter(told: str, expected: str) -> None:
    """With its value, where a value is told."""
    assert in_parameters(told) == expected


def messages() -> Iterator[str]:
    """Texts in the reading of files that name an option."""
    for path in Path(files.__path__[0]).rglob("*.py"):
        if path.name in ONLY_ON_PAPER:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and OPTION.search(node.value):
                yield node.value


def test_each_option_that_is_told_of_has_a_parameter() -> None:
    """Or it is a part of the body: whoever adds an option to a message adds its parameter."""
    operation = make_app(settings_of()).openapi()["paths"]["/v1/batches"]["post"]
    known = {each["name"] for each in operation["parameters"]}
    known |= operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"].keys()
    options = {option for told in messages() for option in OPTION.findall(told)}
    assert {"--encoding", "--sheet", "--mapping", "--key-suffix", "--thousands", "--decimal-comma"} <= options
    assert {in_parameters(option).partition("=")[0] for option in options} <= known
