"""The wheel is whole: it works beside an application with a folder `shared` of its own, and needs no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIES = ("Procfile", "deploy/sample/catalog.json", "deploy/sample/requests.jsonl", "deploy/examples/request.json")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was unpacked."""
    built, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    made = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("trueup-*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A folder of somebody's, with a package `shared`, and nothing else."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "__init__.py").write_text("mine = True\n")
    return tmp_path


def run(site: Path, application: Path, *argv: str) -> str:
    """Runs Python in the application's folder, with the wheel before all else."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
    ran = subprocess.run(
        [sys.executable, *argv],
        cwd=application,
        env=environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_it_installs_one_library_and_one_service(site: Path) -> None:
    """No package of another name, and copies of what the command reads that are those of the checkout."""
    assert {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")} == {"trueup", "trueup_worker"}
    for name in COPIES:
        assert (site / "trueup_worker" / "project" / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_producer_beside_an_application(site: Path, application: Path) -> None:
    """Both packages are imported, each by its name."""
    program = "import shared, trueup; from trueup import CommitProducer; print(shared.mine, trueup.__file__)"
    said = run(site, application, "-c", program)
    assert said.split() == ["True", str(site / "trueup" / "__init__.py")]


@pytest.mark.slow
def test_the_stack_in_an_empty_folder(site: Path, application: Path) -> None:
    """`up`, `demo`, `reconcile` and `down` need nothing but the wheel."""
    trueup = ("-m", "trueup_worker.cli")
    try:
        run(site, application, *trueup, "up", "--detach")
        assert "2000" in run(site, application, *trueup, "demo")
        run(site, application, *trueup, "reconcile")
    finally:
        run(site, application, *trueup, "down")
