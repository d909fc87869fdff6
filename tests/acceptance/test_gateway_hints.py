"""What `trueup up` prints about the gateway works when it is pasted."""

import json
import shutil
import subprocess
import sys
from uuid import UUID

import httpx

from tests.acceptance.command import Command
from tests.acceptance.processes import ROOT

SAY = """
import sys
from pathlib import Path
from trueup_worker.cli.stack.hints import say_gateway
from trueup_worker.local.folder import DataFolder
say_gateway(DataFolder(Path(sys.argv[1])), sys.argv[2], "default")
"""
SHELL = shutil.which("bash") or "sh"


def pasted(lines: list[str]) -> str:
    """What a shell says to these lines."""
    done = subprocess.run([SHELL, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_and_the_sdk(stack: Command) -> None:
    """The state file has the URL, curl (where there is one) and the SDK create a commit of the sample's catalog."""
    url = json.loads((stack.cwd / "ready.json").read_text())["http"]
    assert httpx.get(f"{url}/readyz").status_code == 200
    stack.ok("catalog", "load", ROOT / "deploy/sample/catalog.json")
    argv = [sys.executable, "-c", SAY, stack.data, url]
    said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stderr.splitlines()
    curl = next(number for number, line in enumerate(said) if line.startswith("  curl"))
    sdk = next(number for number, line in enumerate(said) if line.endswith("<<'END'"))
    made = {UUID(pasted(said[sdk : said.index("END") + 1]).strip())}
    if shutil.which("curl"):
        made.add(UUID(json.loads(pasted(said[curl : curl + 2]))["data"]["id"]))
    listed = stack.ok("commits", "list", "--json").stdout
    assert all(str(each) in listed for each in made)
