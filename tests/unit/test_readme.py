"""The pages for people say what the code says: nothing is missing, nothing is made up."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic_core import PydanticUndefined
from typer.main import get_command

from trueup.errors import ExitCode
from trueup.producer.files.columns.csv_columns import SCHEDULE_DETAILS, SHORT_NAMES
from trueup.settings import PREFIX, Settings
from trueup.store.accounts.tokens import SCOPES
from trueup.store.requests.parking import Reason
from trueup.store.tables import obligation
from trueup.wire.outcome import VERDICTS
from trueup.wire.problems import CODES, NOT_FOUND_CODES
from trueup.wire.request.body import CommitRequest
from trueup_worker.cli.main import app

ROOT = Path(__file__).parents[2]
GUIDES = tuple(f"deploy/guides/{path.name}" for path in sorted((ROOT / "deploy/guides").glob("*.md")))
RUNBOOKS = tuple(f"deploy/runbooks/{path.name}" for path in sorted((ROOT / "deploy/runbooks").glob("*.md")))
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "shared/trueup/wire/README.md",
        "shared/trueup/producer/README.md",
        "worker/trueup_worker/intake/README.md",
        "worker/trueup_worker/invoicing/README.md",
        "worker/trueup_worker/gateway/README.md",
        "worker/trueup_worker/cli/README.md",
        "worker/trueup_worker/local/README.md",
        "deploy/README.md",
        "tests/README.md",
        "shared/trueup/producer/files/mapping/README.md",
        "worker/trueup_worker/exports/README.md",
        *GUIDES,
        *RUNBOOKS,
    )
}
FIRST, WIRE, PRODUCER, INTAKE, INVOICING, GATEWAY, CLI, LOCAL, DEPLOY, TESTS, *_ = TEXTS
HISTORY = ("DECISIONS.md", "CHANGELOG.md")
EXPORT = "deploy/guides/crm-export.md"
LINES_MAX, WIDTH_MAX = 150, 120
ENV_EXAMPLE = (ROOT / "deploy/env.example").read_text(encoding="utf-8")
TOP_LEVEL_CODES = (
    "invalid_request",
    "not_found",
    "duplicate",
    "idempotency_key_reused",
    "unauthenticated",
    "forbidden",
    "rate_limited",
    "unavailable",
)


def section(page: str, title: str) -> str:
    """The text below a page's heading, up to the next one of its level or above."""
    heading = re.search(rf"^(#+) {re.escape(title)}\n", TEXTS[page], re.MULTILINE)
    assert heading, (page, title)
    rest = TEXTS[page][heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def first_cells(page: str, title: str) -> list[str]:
    """What stands in code type in the first cells of a section's tables, in order."""
    rows = re.findall(r"^\| ([^|]*)\|", section(page, title), re.MULTILINE)
    return [name for cell in rows for name in re.findall(r"`([^`]*)`", cell)]


def without_code(text: str) -> str:
    """A page without what stands between fences."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def anchors(text: str) -> set[str]:
    """What a link to a heading of the page may say after the `#`."""
    titles = re.findall(r"(?m)^#+ (.*)$", without_code(text))
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def default_of(name: str) -> str:
    """A setting's default as one writes it in an environment; empty when there is none."""
    default = Settings.model_fields[name].default
    if default is PydanticUndefined or default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


@cache
def commands() -> dict[str, set[str]]:
    """Every command by its full name, `trueup tokens create`, and the options that it takes."""
    root: Any = get_command(app)
    found = {}
    for name in root.commands:
        command = imported(root, name)
        below = getattr(command, "commands", None)
        named = {f"{name} {leaf}": imported(command, leaf) for leaf in below} if below else {name: command}
        found |= {f"trueup {full}": options_of(each) for full, each in named.items()}
    return found


def imported(group: Any, name: str) -> Any:
    """A command of a group as it runs: what the group holds may stand for one that is imported when it is called."""
    entry = getattr(group, "table", {}).get(name)
    found: Any = get_command(import_module(entry.module).app) if entry else group.commands[name]
    return getattr(found, "commands", {}).get(name, found)


def options_of(command: Any) -> set[str]:
    """The options of a command, those that every command has included."""
    own = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return own | {"--help", "--data", "--account", "--token", "--debug"}


def calls(text: str) -> Iterator[str]:
    """What a page calls the command with: in its shell blocks, and in sentences, `trueup …` or `invoices void ID`."""
    blocks = "".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", text))
    yield from re.findall(r"(?m)(?:^|/|\| )(trueup [a-z].*?)(?: +#.*)?$", blocks)
    for span in re.findall(r"`([^`]*)`", " ".join(without_code(text).split())):
        if re.match(r"trueup (?!is )", span):
            yield span
        elif "trueup " + " ".join(span.split()[:2]) in commands():
            yield f"trueup {span}"


def test_every_error_code() -> None:
    """The tables list every error code and every top-level code, each once, and no other."""
    assert sorted(first_cells(WIRE, "Error codes")) == sorted([*CODES, *TOP_LEVEL_CODES])


def test_codes_of_what_is_not_found() -> None:
    """Exactly the codes that make the outcome `not_found` are marked 404."""
    marked = re.findall(r"^\| `(\w+)` \|.*\(404\) \|$", section(WIRE, "Error codes"), re.MULTILINE)
    assert set(marked) == NOT_FOUND_CODES


def test_every_outcome_and_every_reason_to_park() -> None:
    """Outcomes in their order, and the reasons."""
    assert first_cells(WIRE, "Outcomes") == list(VERDICTS)
    assert sorted(first_cells(INTAKE, "Parked")) == sorted(get_args(Reason))


def test_every_field_of_a_request() -> None:
    """The table of the request lists every field of the body."""
    assert CommitRequest.__annotations__.keys() <= set(first_cells(WIRE, "The request"))


def test_every_state_of_an_obligation() -> None:
    """The diagram and its note name every state that the database allows."""
    allowed: Any = next(each for each in obligation.constraints if each.name == "obligation_state_check")
    assert all(state in section(INVOICING, "What falls due") for state in re.findall(r"'(\w+)'", str(allowed.sqltext)))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting(name: str) -> None:
    """A setting's row has its default and its meaning; the file to fill in has both too."""
    field, variable, default = Settings.model_fields[name], PREFIX + name.upper(), default_of(name)
    shown = "required" if field.is_required() else f"`{default}`" if default else "none"
    assert f"| `{variable}` | {shown} | {field.description} |" in section(DEPLOY, "Settings")
    assert f"\n# {field.description}\n#{variable}={default}\n" in ENV_EXAMPLE


def test_no_other_setting() -> None:
    """Neither the table nor the file to fill in knows a setting that there is not."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert {name for name in first_cells(DEPLOY, "Settings") if name.startswith(PREFIX)} == known
    assert set(re.findall(r"^#?(TRUEUP_\w+)=", ENV_EXAMPLE, re.MULTILINE)) == known


def test_every_command() -> None:
    """The table of the command line lists every command, and no other."""
    listed = re.findall(r"^\| `(trueup [a-z]+(?: [a-z][a-z-]*)?)", section(CLI, "The command line"), re.MULTILINE)
    assert sorted(listed) == sorted(commands())


@pytest.mark.parametrize("page", TEXTS)
def test_every_call_is_one(page: str) -> None:
    """What a page tells its readers to type is a command, with options that it has."""
    known = commands()
    groups = {name.rpartition(" ")[0] for name in known}
    for call in calls(TEXTS[page]):
        name = re.match(r"trueup(?: [a-z][a-z-]*){0,2}", call)[0]  # type: ignore[index]
        named = next((each for each in (name, name.rpartition(" ")[0]) if each in known), None)
        assert named or name in groups | {"trueup"}, call
        taken = known[named] if named else {"--help", "--version"}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", call.partition(" | ")[0])) <= taken, call


def test_every_exit_code() -> None:
    """Each exit code stands there with its meaning, and no other."""
    rows = re.findall(r"^\| `(\d+)` \| (.*) \|$", section(CLI, "Exit codes"), re.MULTILINE)
    assert rows == [(str(code.value), code.meaning) for code in ExitCode]


def test_every_scope() -> None:
    """The section on the command line names every scope of a token."""
    assert all(f"`{scope}`" in section(CLI, "The command line") for scope in SCOPES)


def test_every_short_column() -> None:
    """The short names of CSV columns, and what they stand for."""
    told = section(PRODUCER, "CSV columns")
    assert all(f"| `{short}` | `{path}` |" in told for short, path in SHORT_NAMES.items())
    assert all(f"| `{short}` | `{paths[0]}`" in told for short, paths in SCHEDULE_DETAILS.items())


def test_every_page_stands_there() -> None:
    """No page in a room and no guide is left unread here, and the first page leads to each of them."""
    found = {
        str(path.relative_to(ROOT))
        for root in ("shared", "worker", "deploy", "tests")
        for path in (ROOT / root).rglob("README.md")
    }
    found.update(GUIDES, RUNBOOKS)
    assert {"README.md", *found} == TEXTS.keys()
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", TEXTS[FIRST])}
    assert found <= linked


def test_the_two_commands_to_begin_with() -> None:
    """How to run it, and how to test it."""
    assert "\nmake run\n" in TEXTS[FIRST]
    assert "\nmake test " in TEXTS[FIRST]


@pytest.mark.parametrize("page", [FIRST, *GUIDES])
def test_what_is_read_at_a_sitting_is_short(page: str) -> None:
    """A newcomer reads one page, and each guide is one; whatever does not fit has a room."""
    assert len(TEXTS[page].splitlines()) <= LINES_MAX


def test_what_a_guide_quotes_is_said() -> None:
    """The messages that the guide to exports explains are those of the code."""
    sources = [path.read_text("utf-8") for root in ("shared", "worker") for path in (ROOT / root).rglob("*.py")]
    quoted = first_cells(EXPORT, "Your own export")
    assert len(quoted) >= 8
    assert [each for each in quoted if not any(each in source for source in sources)] == []


@pytest.mark.parametrize("page", [*TEXTS, *HISTORY])
def test_lines_are_not_long(page: str) -> None:
    """Prose fits on a screen; only tables, and code as it is, may be wider."""
    lines = without_code((ROOT / page).read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if len(line) > WIDTH_MAX and not line.startswith("|")] == []


@pytest.mark.parametrize("page", [*TEXTS, *HISTORY])
def test_links_lead_somewhere(page: str) -> None:
    """A link to a file has a file, a link to a heading a heading, also of another page."""
    for target in re.findall(r"\]\(([^)]+)\)", without_code((ROOT / page).read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def test_each_promise_has_its_test() -> None:
    """The tests that the promises name exist."""
    promises = re.findall(r"(?m)^\| (?!promise |---)(.+) \| (.+) \|$", section(TESTS, "Promises"))
    assert len(promises) >= 61
    for promise, shown in promises:
        named = re.findall(r"`(tests/[^`]*)`", shown)
        assert named, promise
        for path, _, function in (each.partition("::") for each in named):
            assert (ROOT / path).is_file(), path
            assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), function


def test_the_ten_promises() -> None:
    """The first page has ten of them, word by word."""
    rows = re.findall(r"(?m)^\| (?!promise |---).+$", section(FIRST, "Promises"))
    assert len(set(rows)) == 10
    assert set(rows) <= set(section(TESTS, "Promises").splitlines())


def test_the_example_is_the_file() -> None:
    """The Node.js lines of the page are those of the file, which a test runs."""
    code = re.search(r"```js\n(.*?)```", TEXTS[WIRE], re.DOTALL)
    assert code
    assert code[1] in (ROOT / "deploy/examples/enqueue.mjs").read_text(encoding="utf-8")


def test_code_of_guides_is_that_of_the_examples() -> None:
    """The Python lines of a guide are those of a file, which a test runs."""
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "deploy/examples").rglob("*.py")]
    for page in GUIDES:
        for code in re.findall(r"```python\n(.*?)```", TEXTS[page], re.DOTALL):
            assert any(code in file for file in files), code
