"""The units of systemd: verified by its own judge, and closed to what a process does not need."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import servers_folder
from tests.unit.deploy.manifests import DEPLOY, PROCESSES, WORKERS

UNITS = DEPLOY / "systemd"
EXPOSURE_MAX = 2.0  # of ten; what is below is "OK" to systemd
NAMES = (
    "trueup.target",
    "trueup-migrate.service",
    "trueup-scheduler.service",
    "trueup-gateway.service",
    *(f"trueup-worker@{name}.service" for name in WORKERS),
)


@pytest.fixture
def system() -> Iterator[Path]:
    """A system's files: systemd's own units, ours, and a command where they expect it."""
    with servers_folder() as root:
        shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
        shutil.copytree(UNITS, root / "etc/systemd/system")
        program = root / "opt/trueup/bin/trueup"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        yield root


def verified(system: Path) -> subprocess.CompletedProcess[str]:
    """What systemd says of our units."""
    command = ["systemd-analyze", "verify", "--man=no", f"--root={system}", *NAMES]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_units_are_verified(system: Path) -> None:
    """Nothing is unknown in them, nothing they start is missing."""
    ran = verified(system)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_mistake_would_be_seen(system: Path) -> None:
    """The judge reads our units, and not others."""
    unit = system / "etc/systemd/system/trueup-gateway.service"
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))
    assert "ProtectHomes" in verified(system).stderr


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_process_may_little(system: Path, name: str) -> None:
    """By systemd's own measure of how exposed a service is."""
    command = ["systemd-analyze", "security", "--offline=true", f"--root={system}", name]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure, said
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_the_target_wants_every_process() -> None:
    """Each line of the Procfile, and no other."""
    wanted = re.findall(r"trueup-(?:worker@)?(\w+)\.service", (UNITS / "trueup.target").read_text())
    assert sorted(wanted) == sorted(PROCESSES)
