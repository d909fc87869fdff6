"""What `make run` and `make setup` install."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN, DEVELOPMENT = ROOT / "deploy/requirements.lock", ROOT / "deploy/requirements-dev.lock"


def pins(lock: Path) -> dict[str, str]:
    """Each distribution's version."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """Of distributions, as locks spell them."""
    return {canonicalize_name(Requirement(each).name) for each in requirements}


@pytest.mark.parametrize("lock", [RUN, DEVELOPMENT])
def test_everything_has_its_hashes(lock: Path) -> None:
    """And comes from whatever index the machine has: no URL is in it."""
    text = lock.read_text()
    pinned = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in each for each in pinned)
    assert "://" not in text


def test_running_takes_no_tools_for_development() -> None:
    """But for what a checkout installs itself with."""
    extras = PROJECT["project"]["optional-dependencies"]
    needed = names([*PROJECT["project"]["dependencies"], *extras["embedded"], *extras["worker"], *extras["xlsx"]])
    tools = names(extras["dev"]) - names(PROJECT["dependency-groups"]["build"])
    assert needed - {"trueup"} <= pins(RUN).keys()
    assert not tools & pins(RUN).keys()


def test_development_stands_on_what_runs() -> None:
    """The same versions, and the tools on top."""
    assert pins(RUN).items() <= pins(DEVELOPMENT).items()
    assert names(PROJECT["project"]["optional-dependencies"]["dev"]) <= pins(DEVELOPMENT).keys()
