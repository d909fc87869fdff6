"""The image without an engine for containers: its environment, its user and its commands, as its files name them."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.installed import ROOT, Installed

DEPLOY = ROOT / "deploy"
_READ_ALL = "+dac_read_search"  # the interpreter may lie in a folder of root's; it gives no right to write


def _dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")


def image_environ() -> dict[str, str]:
    """The variables that the image sets."""
    (told,) = re.findall(r"(?m)^ENV (.*)$", _dockerfile())
    return dict(each.split("=", 1) for each in told.split())


def compose_services() -> dict[str, Any]:
    """The services of the compose file that have our image."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return {name: each for name, each in services.items() if "trueup" in each["image"]}


def health_command(run: Path) -> list[str]:
    """What the image is asked by, with another folder in place of /run/trueup."""
    (told,) = re.findall(r"HEALTHCHECK .* CMD (\[.*\])", _dockerfile())
    return [str(each).replace("/run/trueup", str(run)) for each in yaml.safe_load(told)]


@dataclass(frozen=True, slots=True)
class Image:
    """An environment with the wheel, used as the image uses its own.

    Attributes:
        installed: the environment.
        folder: has `work` (an empty working folder), `run`, `tmp` and `secrets`, whose place the image's have.
    """

    installed: Installed
    folder: Path

    @classmethod
    def made(cls, installed: Installed, folder: Path, secrets: Mapping[str, str]) -> "Image":
        """The folders, of which the user may write two, and the secrets, which it may read."""
        made = cls(installed, folder)
        program = installed.folder / "bin" / "trueup"
        program.write_text(f"#!{installed.python}\nfrom trueup_worker.cli.main import main\n\nmain()\n")
        program.chmod(0o755)
        for name in ("work", "run", "tmp", "secrets"):
            (folder / name).mkdir(mode=0o755)
        for name, secret in secrets.items():
            (folder / "secrets" / name).write_text(secret)
        if os.geteuid() == 0:
            for name in ("run", "tmp"):
                shutil.chown(folder / name, *made.user())
        return made

    def user(self) -> tuple[int, int]:
        """The numbers of the image's user and group."""
        (told,) = re.findall(r"(?m)^USER (\d+):(\d+)$", _dockerfile())
        return int(told[0]), int(told[1])

    def command(self, *arguments: str) -> list[str]:
        """What the engine would run, as the image's user where we may."""
        (entrypoint,) = re.findall(r'(?m)^ENTRYPOINT \["(.*)"\]$', _dockerfile())
        program = [str(self.installed.folder / "bin" / entrypoint), *arguments]
        if os.geteuid() != 0:
            return program
        user, group = self.user()
        rights = [f"--{each}-caps=-all,{_READ_ALL}" for each in ("inh", "ambient", "bounding")]
        rights[2] = f"--bounding-set=-all,{_READ_ALL}"
        return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs", *rights, *program]

    def environ(self, told: Mapping[str, str], **more: str) -> dict[str, str]:
        """What a process sees: the image's variables, those of its service, and nothing of ours."""
        programs = f"{self.installed.folder / 'bin'}{os.pathsep}{os.defpath}"
        here = {"PATH": programs, "TMPDIR": str(self.folder / "tmp"), "TRUEUP_READY_DIR": str(self.folder / "run")}
        mounted = {name: value.replace("/run/secrets", str(self.folder / "secrets")) for name, value in told.items()}
        return {**image_environ(), **mounted, **here, **more}
