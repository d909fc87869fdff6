"""The tests that Metronome's SDK carries in its source distribution: fetched as the lock says, and run on a gateway."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from tenacity import retry, stop_after_attempt, wait_exponential

from tests.acceptance.processes import ROOT

PACKAGE = "metronome-sdk"
TRIES = 3
SECONDS_MAX = 150
DOWNLOAD_SECONDS_MAX = 45  # three of them fit into the time that a test is given
INI = """\
[pytest]
addopts = -q --tb=short --show-capture=no -p no:cacheprovider -p no:schemathesis -p no:anyio -p no:timeout
asyncio_mode = auto
asyncio_default_fixture_loop_scope = session
"""


class NotFetched(Exception):
    """The source distribution could not be downloaded; the message says what pip said."""


def fetch(folder: Path) -> Path:
    """The unpacked source distribution of the version in the lock, in a folder of its own.

    Raises:
        NotFetched: the registry did not give it, tried a few times.
    """
    (folder / "requirement.txt").write_text(_locked((ROOT / "deploy/requirements-dev.lock").read_text()))
    _download(folder)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    source = folder / archive.name.removesuffix(".tar.gz")
    (source / "ours.ini").write_text(INI)
    return source


def run(source: Path, file: str, *, select: str, url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Runs one of the test files against a gateway; their own options, which ask for more plugins, do not count."""
    argv = [sys.executable, "-m", "pytest", "-c", "ours.ini", f"tests/api_resources/{file}", "-k", select]
    account = {"TEST_API_BASE_URL": url, "METRONOME_CUSTOM_HEADERS": f"Authorization: Bearer {token}"}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        argv, cwd=source, env=bare | account, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
    )


def _locked(lock: str) -> str:
    """The requirement with its hashes, as it stands in the lock."""
    found = re.search(rf"^{PACKAGE}(\[[^]]*\])?==.*(?:\n    --hash=.*)+", lock, re.MULTILINE)
    assert found, f"{PACKAGE} is not in deploy/requirements-dev.lock"
    return found.group()


@retry(stop=stop_after_attempt(TRIES), wait=wait_exponential(multiplier=2, max=20), reraise=True)
def _download(folder: Path) -> None:
    """Without build isolation: what builds its metadata comes from the lock too."""
    options = ["--quiet", "--no-cache-dir", "--no-deps", "--no-build-isolation", "--require-hashes"]
    what = ["--no-binary", PACKAGE, "--requirement", "requirement.txt", "--dest", "."]
    argv = [sys.executable, "-m", "pip", "download", *options, *what]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS_MAX)
    if done.returncode:
        raise NotFetched(f"pip could not download the source distribution of {PACKAGE}:\n{done.stderr}")
