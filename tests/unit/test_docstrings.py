"""Docstrings begin with the noun that they are about, or with an imperative verb."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for root in ("shared", "worker", "deploy")
    for path in sorted((ROOT / root).rglob("*.py"))
    if "migrations" not in path.parts
]
RIDDLE = re.compile(r"(Whether|What|How|Who|Whom|Whose|Where|Why|When|If|That|Says|This|These|It|There|Of)\b")
VERBS = (
    "Adds Asks Closes Counts Decides Does Ends Finds Gives Keeps Lets Locks Makes Marks Notes Parks Passes Puts Reads "
    "Refuses Returns Runs Sends Stores Takes Tells Waits Writes"
)
THIRD_PERSON = re.compile(rf"({'|'.join(VERBS.split())})\b")


def first_lines(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """The first line of each docstring of a file, and whose it is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text.splitlines()[0], node


def test_none_begins_with_a_riddle() -> None:
    """None begins with a question word, a pronoun or "Says": it names its thing."""
    found = [f"{path.relative_to(ROOT)}: {line}" for path in SOURCES for line, _ in first_lines(path)]
    assert len(found) > 1_000
    assert [each for each in found if RIDDLE.match(each.partition(": ")[2])] == []


def test_functions_are_told_in_the_imperative() -> None:
    """A function's docstring that begins with a verb has it in the imperative."""
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in SOURCES
        for line, node in first_lines(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lines = [each.partition(": ")[2] for each in found]
    assert [line for line in lines if THIRD_PERSON.match(line)] == []


def test_no_page_and_no_code_refers_to_a_document_that_is_not_here() -> None:
    """A rule is said, or linked: there is no "spec 2.4" to look up; migrations that have run keep their comments."""
    files = [path for root in ("shared", "worker", "deploy", "tests") for path in sorted((ROOT / root).rglob("*.py"))]
    files += sorted(ROOT.glob("*.md"))
    text = {path: path.read_text(encoding="utf-8") for path in files if "migrations" not in path.parts}
    reference = re.compile(r"\(?\bspec [0-9]\.[0-9]")
    others = {path: said for path, said in text.items() if path != Path(__file__)}
    assert [str(path.relative_to(ROOT)) for path, said in others.items() if reference.search(said)] == []
