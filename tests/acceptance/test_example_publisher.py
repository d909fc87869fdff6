"""The examples of the pages put requests on the queue without any of Trueup's code, and a real worker decides them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.acceptance.processes import ROOT, Fleet, fleet, wait_for
from tests.integration.intake import Intake
from trueup.store.catalog.catalog import load_catalog
from trueup.store.requests.outcomes import read_outcomes
from trueup.wire.catalog import read_catalog
from trueup.wire.outcome import Outcome

EXAMPLES = ROOT / "deploy/examples"
REQUEST = (EXAMPLES / "request.json").read_text(encoding="utf-8")
PYTHON = [sys.executable, str(EXAMPLES / "enqueue.py")]
NODE = shutil.which("node")
PUBLISHERS = [PYTHON, [NODE, str(EXAMPLES / "enqueue.mjs")]] if NODE else [PYTHON]  # Node.js: where the machine has it


@pytest.fixture
def account(database: Engine) -> Intake:
    """The account `default` with the sample catalog."""
    made = Intake(database, account="default")
    with database.begin() as connection:
        load_catalog(connection, made.account_id, read_catalog((ROOT / "deploy/sample/catalog.json").read_bytes()))
    return made


def run(argv: list[str], processes: Fleet, account: Intake, *, stdin: str) -> str:
    """What an example prints."""
    environ = {
        "PATH": os.environ["PATH"],
        "TRUEUP_BROKER_URL": processes.redis_url,
        "TRUEUP_DATABASE_URL": processes.database_url,
        "TRUEUP_REDIS_URL": processes.redis_url,
        "TRUEUP_TOKEN": account.token,
    }
    done = subprocess.run(
        argv, cwd=ROOT, env=environ, input=stdin, text=True, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def outcome_of(account: Intake, request_id: str) -> Outcome:
    """The request's outcome, once it is there."""

    def decided() -> Outcome | None:
        with account.engine.connect() as connection:
            return read_outcomes(connection, account.account_id, [UUID(request_id)]).get(UUID(request_id))

    outcome = wait_for(decided, what="the outcome")
    assert outcome
    return outcome


def test_publishers_in_other_languages(database_url: str, redis_url: str, tmp_path: Path, account: Intake) -> None:
    """The first example makes the commit, with every digit; the others are told that its key is used, same content."""
    exact = REQUEST.replace("1200000", "12345678901234567.89").replace(
        '"unit_price": 100000, "quantity": 12', '"amount": 12345678901234567.89'
    )
    with fleet(database_url, redis_url, tmp_path) as processes:
        processes.worker("commits")
        ids = [run(publisher, processes, account, stdin=exact) for publisher in PUBLISHERS]
        outcomes = [outcome_of(account, request_id) for request_id in ids]
    assert outcomes[0].outcome == "created"
    assert [each.existing for each in outcomes[1:]] == [
        {"id": ids[0], "type": "POSTPAID", "same_content": True} for _ in ids[1:]
    ]
    assert [str(row.amount) for row in account.rows("SELECT amount FROM segment WHERE account_id = :a")] == [
        "12345678901234567.89"
    ]


@pytest.mark.parametrize("page", ["README.md", "shared/trueup/producer/README.md"])
def test_the_producer_of_the_readme(
    database_url: str, redis_url: str, tmp_path: Path, account: Intake, page: str
) -> None:
    """The Python code of both pages runs as it stands, and prints what became of the request."""
    code = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert code
    with fleet(database_url, redis_url, tmp_path) as processes:
        processes.worker("commits")
        assert run([sys.executable, "-c", code[1]], processes, account, stdin="") == "created"
