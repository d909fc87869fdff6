"""Statements that look across accounts: the page about several primaries names every module that has one."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path

from sqlalchemy import TextClause

import trueup.store
from trueup.store.tables import metadata

PAGE = Path(__file__).parents[3] / "deploy" / "guides" / "beyond-one-primary.md"
ROW = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:" + "|".join(metadata.tables) + r")\b|\btrim_\w+\(")


def crosses(statement: str) -> bool:
    """Whether it reads or writes rows, and no account is given to it."""
    return bool(ROW.search(statement)) and not re.search(r":account_id\b|:account\b", statement)


def crossing() -> set[str]:
    """Modules of the store with such a statement, without what they have in common."""
    found = set()
    for each in pkgutil.walk_packages(trueup.store.__path__, "trueup.store."):
        if ".migrations" not in each.name and ".tables" not in each.name:
            texts = (value.text for value in vars(import_module(each.name)).values() if isinstance(value, TextClause))
            if any(map(crosses, texts)):
                found.add(each.name.removeprefix("trueup.store."))
    return found


def test_each_is_named() -> None:
    """A new one needs a line, and a thought about what becomes of it."""
    named = set(re.findall(r"^\| `([\w.]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    assert named == crossing()


def test_what_crosses() -> None:
    """Rows without an account do; a statement of one account's, or of no rows, does not."""
    assert crosses("SELECT count(*) FROM obligation WHERE state = 'held'")
    assert crosses("SELECT trim_outbox(interval '1 day', 9)")
    assert not crosses("SELECT count(*) FROM obligation WHERE account_id = :account_id")
    assert not crosses("SET LOCAL statement_timeout = '10min'")
