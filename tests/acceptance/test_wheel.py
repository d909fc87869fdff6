"""The wheel is whole and light: what is installed with it, what an import costs, and what works in an empty folder."""

import json
from pathlib import Path

import pytest
import redis

from tests.acceptance.installed import ROOT, Cost, Installed, build_wheel, install
from trueup_worker.cli.main import COMMANDS

COPIES = ("Procfile", "deploy/sample/catalog.json", "deploy/sample/requests.jsonl", "deploy/examples/request.json")
DISTRIBUTIONS_MAX = 22
# A slow machine takes twice what a quick one takes, and all at once what a test is to find: these are in between.
IMPORT_MAX = Cost(cpu_s=0.6, rss_mb=45)
HELP_CPU_S_MAX, LIST_CPU_S_MAX = 0.45, 1.2
CLI = ("-m", "trueup_worker.cli")
_EACH_COMMAND = """
import io, json, sys
from trueup_worker.cli.main import COMMANDS, main
def ended(name):
    sys.argv, sys.stderr = ["trueup", name, "list"], io.TextIOWrapper(io.BytesIO())
    try:
        main()
    except SystemExit as end:
        sys.stderr.flush()
        return end.code, sys.stderr.buffer.getvalue().decode()
print(json.dumps({name: ended(name) for name in COMMANDS}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel without extras."""
    return install(wheel, tmp_path_factory.mktemp("base") / "environment")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A folder of somebody's, with a package `shared`, and nothing else."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "__init__.py").write_text("mine = True\n")
    return tmp_path


def test_it_installs_one_library_and_one_service(base: Installed) -> None:
    """No package of another name, and copies of what the command reads that are those of the checkout."""
    own = {path.name for path in base.site.iterdir() if not path.is_symlink()} - {"__pycache__"}
    assert {name for name in own if not name.endswith(".dist-info")} == {"trueup", "trueup_worker"}
    for name in COPIES:
        assert (base.site / "trueup_worker" / "project" / name).read_bytes() == (ROOT / name).read_bytes()


def test_everything_of_the_two_packages_is_in_it(base: Installed) -> None:
    """Each file of the checkout's source roots: migrations, schemas and `py.typed` too."""
    for root in (ROOT / "shared" / "trueup", ROOT / "worker" / "trueup_worker"):
        files = {path.relative_to(root.parent) for path in root.rglob("*") if path.is_file()}
        lacking = {path for path in files if "__pycache__" not in path.parts and not (base.site / path).is_file()}
        assert not lacking


def test_few_distributions(base: Installed, tmp_path: Path) -> None:
    """The base install is the producer."""
    program = "from importlib.metadata import distributions; print(len({each.name for each in distributions()}))"
    assert int(base.said("-c", program, cwd=tmp_path)) <= DISTRIBUTIONS_MAX


def test_the_producer_beside_an_application(base: Installed, application: Path) -> None:
    """Both packages are imported, each by its name."""
    program = "import shared, trueup; from trueup import CommitProducer; print(shared.mine, trueup.__file__)"
    said = base.said("-c", program, cwd=application)
    assert said.split() == ["True", str(base.site / "trueup" / "__init__.py")]


def test_the_cost_of_an_import(base: Installed, tmp_path: Path) -> None:
    """Seconds of CPU and memory of a program that imports the producer."""
    cost = base.cost("-c", "from trueup import CommitProducer", cwd=tmp_path)
    assert cost.cpu_s <= IMPORT_MAX.cpu_s
    assert cost.rss_mb <= IMPORT_MAX.rss_mb


def test_the_cost_of_help(base: Installed, tmp_path: Path) -> None:
    """Seconds of CPU: no command is imported."""
    assert base.cost(*CLI, "--help", cwd=tmp_path).cpu_s <= HELP_CPU_S_MAX


def test_a_base_install_publishes(base: Installed, application: Path, redis_url: str) -> None:
    """A request is judged and lies on the queue of a Redis broker."""
    program = (
        "import sys; from trueup import CommitProducer\n"
        "with CommitProducer(broker_url=sys.argv[1], token=None, account='acme') as producer:\n"
        "    print(producer.submit(sys.argv[2]))"
    )
    body = (ROOT / "deploy/examples/request.json").read_text()
    base.said("-c", program, redis_url, body, cwd=application)
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("commits") == 1


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("broker_url='redis://localhost', database_url='postgresql://localhost/x'", "postgres"),
        ("broker_url='amqp://localhost'", "celery"),
    ],
)
def test_a_producer_names_its_extra(base: Installed, application: Path, arguments: str, extra: str) -> None:
    """What it takes to keep requests, or to reach another broker, is named when it is asked for."""
    program = f"from trueup import CommitProducer; CommitProducer(token=None, account='acme', {arguments})"
    ran = base.run("-c", program, cwd=application)
    assert f"pip install 'trueup[{extra}]'" in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("postgres", "broker_url='redis://localhost', database_url='postgresql://localhost/x'"),
        ("celery", "broker_url='amqp://localhost'"),
    ],
)
def test_an_extra_is_enough(wheel: Path, tmp_path: Path, extra: str, arguments: str) -> None:
    """The producer that named it works with it, and with nothing of the service."""
    installed = install(wheel, tmp_path / "environment", extras=frozenset({extra}))
    program = f"from trueup import CommitProducer; CommitProducer(token=None, account='acme', {arguments})"
    installed.said("-c", program, cwd=tmp_path)


def test_workbooks_name_their_extra(base: Installed, wheel: Path, tmp_path: Path) -> None:
    """And are read with it, with nothing of the service."""
    sheet = str(ROOT / "deploy" / "examples" / "excel-sheet" / "commitments.xlsx")
    ran = base.run(*CLI, "mapping", "suggest", sheet, cwd=tmp_path)
    assert (ran.returncode, ran.stderr.count("\n")) == (4, 1)
    assert "commitments.xlsx cannot be read: a workbook (.xlsx) needs defusedxml" in ran.stderr
    assert "pip install 'trueup[xlsx]'" in ran.stderr
    installed = install(wheel, tmp_path / "environment", extras=frozenset({"xlsx"}))
    assert "[fields]" in installed.said(*CLI, "mapping", "suggest", sheet, cwd=tmp_path)


def test_each_command_names_its_extra(base: Installed, application: Path) -> None:
    """And never shows a traceback; `validate` has what it needs, if no references are to be judged."""
    found = json.loads(base.said("-c", _EACH_COMMAND, cwd=application))
    assert found.keys() == COMMANDS.keys()
    assert "No such command 'list'" in found.pop("mapping")[1]  # it needs no extra
    for name, (code, message) in found.items():
        needs = f"pip install 'trueup[{COMMANDS[name].extra or 'worker'}]'"
        assert (code, len(message.splitlines()), needs in message) == (2, 1, True), message


def test_what_works_without_extras(base: Installed, application: Path) -> None:
    """The version, a mapping suggested, and files judged without a database: as with one, but for references."""
    assert base.said(*CLI, "--version", cwd=application).strip()
    report = ROOT / "deploy" / "examples" / "salesforce-opportunities" / "report.csv"
    assert "[fields]" in base.said(*CLI, "mapping", "suggest", str(report), cwd=application)
    sample = ROOT / "deploy" / "sample" / "requests.jsonl"
    ran = base.run(*CLI, "validate", "--offline", "--json", str(sample), cwd=application)
    outcomes = [json.loads(line)["outcome"] for line in ran.stdout.splitlines()]
    assert (ran.returncode, outcomes.count("invalid"), outcomes.count("valid")) == (3, 54, 1946)


@pytest.mark.slow
def test_the_stack_in_an_empty_folder(wheel: Path, open_folder: Path) -> None:
    """`up`, `demo`, `commits list`, `reconcile` and `down` need the wheel, its extras, and nothing else."""
    installed = install(wheel, open_folder / "whole", extras=frozenset({"worker", "embedded"}))
    empty = open_folder / "empty"
    empty.mkdir(mode=0o711)
    try:
        installed.said(*CLI, "up", "--detach", "--demo", cwd=empty)
        assert len(json.loads(installed.said(*CLI, "commits", "list", "--json", cwd=empty))) > 1800
        installed.said(*CLI, "reconcile", cwd=empty)
        assert installed.cost(*CLI, "commits", "list", cwd=empty).cpu_s <= LIST_CPU_S_MAX
    finally:
        installed.said(*CLI, "down", cwd=empty)
