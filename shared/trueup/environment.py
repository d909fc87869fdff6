"""Variables of this process, with those that files bring: `.env`, and files that a variable names.

Invariants:
    * a variable of the process wins over the same one in `.env`;
    * `TRUEUP_X_FILE=PATH` is `TRUEUP_X` with the text of that file, without white space around it, as a secret is
      mounted; to say both in one place is refused, as one of them would be ignored;
    * nothing is written back into the environment of this process. `trueup up` gives what it read to its children.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from trueup.errors import TrueupError

PREFIX = "TRUEUP_"
FILE_SUFFIX = "_FILE"
ENV_FILE = ".env"


class SettingsError(TrueupError):
    """Some settings are missing or wrong; the message lists all of them, one a line."""


def environment() -> Mapping[str, str]:
    """Variables of this process, with ours from `.env` in the working folder, and from the files that they name.

    Raises:
        SettingsError: a file cannot be read, or is named beside the value; the message names every such variable.
    """
    problems: list[str] = []
    below = _ours(_variables_of(Path(ENV_FILE), problems), problems)
    above = _ours(os.environ, problems)
    if problems:
        raise SettingsError("\n".join(problems))
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**others, **below, **above}


def _variables_of(file: Path, problems: list[str]) -> Mapping[str, str]:
    try:
        is_there = file.is_file()
    except PermissionError:  # the working folder is one that this user may not enter: nothing there is meant for it
        is_there = False
    if not is_there:
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - where there is no such file, nothing is imported for it

    try:
        found = dotenv_values(file, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{file} in {Path.cwd()} cannot be read: {error}")
        return {}
    return {name: value for name, value in found.items() if value is not None}


def _ours(variables: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Our variables of one place, each with its value."""
    ours = {name: value for name, value in variables.items() if name.startswith(PREFIX)}
    named = {name: path for name, path in ours.items() if name.endswith(FILE_SUFFIX)}
    return {name: value for name, value in ours.items() if name not in named} | dict(_read(named, ours, problems))


def _read(named: Mapping[str, str], beside: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str]]:
    for variable, path in named.items():
        name = variable.removesuffix(FILE_SUFFIX)
        if not path:
            continue
        if beside.get(name):
            problems.append(f"{name} and {variable} are both set: leave one out")
            continue
        try:
            yield name, Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{variable}: {path} cannot be read: {error}")
