"""The gateway does what its OpenAPI document says, whatever it is sent: schemathesis tries."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import ROOT, Fleet
from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import ACME, CONTRACT, PLATFORM, credit, prepaid
from trueup.store.catalog.catalog import load_catalog
from trueup.store.webhooks.deliveries import send_test
from trueup.store.webhooks.endpoints import create_endpoint
from trueup.wire.catalog import read_catalog
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.webhooks.signature import new_secret

pytestmark = pytest.mark.slow

# All of its checks, but for what a schema cannot say (which good data is refused), and those of sequences of calls.
# A dry run answers what it is asked; where a body may be left out, null is the same as leaving it out. A part of
# a form is bytes: a number is a file, too.
CONFIG = """\
[checks]
positive_data_acceptance.enabled = false
use_after_free.enabled = false
ensure_resource_availability.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 404, 405, 409, 413, 415]

[[operations]]
include-path = ["/v1/commits/validate", "/v1/contract-pricing/products/list"]
checks.negative_data_rejection.enabled = false

[[operations]]
include-method = "POST"
include-path = ["/v1/batches", "/v1/usage/batch"]
checks.negative_data_rejection.enabled = false
"""
EXAMPLES = 6  # of each operation, beside those that every bound of its schema makes
SECONDS_MAX = 600
OPTIONS = [
    *("--mode", "all", "--phases", "examples,coverage,fuzzing"),
    *("--seed", "5", "--generation-deterministic", "--no-shrink", "--max-examples", str(EXAMPLES)),
    *("--request-timeout", "20", "--suppress-health-check", "filter_too_much", "--no-color"),
]

Known = dict[str, list[str]]


@pytest.fixture(scope="module")
def account(module_database: Engine) -> Intake:
    """An account with the catalog of the cases, and that of the document's examples."""
    made = Intake(module_database)
    with module_database.begin() as connection:
        sample = read_catalog((ROOT / "deploy/sample/catalog.json").read_bytes())
        load_catalog(connection, made.account_id, sample)
    return made


@pytest.fixture(scope="module")
def known(account: Intake) -> Known:
    """What the account has, by the names under which calls refer to it."""
    schedule = {"schedule_items": [{"timestamp": "2025-01-01T00:00:00Z", "amount": 250}]}
    body = prepaid(invoice_contract_id=CONTRACT, invoice_schedule=schedule)
    commits = account.receive(*(entry(body, request_id=UUID(int=number)) for number in range(1, 5)))
    free = account.receive(*(entry(credit(), request_id=UUID(int=number), kind="credit") for number in range(5, 7)))
    assert issue_all_due(account.engine, account.account_id).issued == len(commits)
    invoices = [str(each) for (each,) in account.rows("SELECT id FROM invoice WHERE account_id = :a ORDER BY id")]
    with account.engine.begin() as connection:
        made = create_endpoint(
            connection,
            account.account_id,
            url="https://example.com/",
            types=[],
            secret=new_secret(),
            secret_key=SECRET_KEY,
        )
        webhook, delivery = str(made.id), str(send_test(connection, account.account_id, made.id))
    commit_ids, credit_ids = ([str(each.request_id) for each in made] for made in (commits, free))
    return {
        "customer_id": [ACME],
        "product_id": [PLATFORM],
        "contract_id": [CONTRACT],
        "invoice_contract_id": [CONTRACT],
        "commit_id": commit_ids,
        "credit_id": credit_ids,
        "request_id": commit_ids,
        "invoice_id": invoices,
        "id": [PLATFORM, *invoices, *commit_ids],
        "webhook_id": [webhook],
        "delivery_id": [delivery],
    }


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway before a worker."""
    module_fleet.worker("commits,commits.bulk,usage")
    with gateway(module_fleet, account.token, TRUEUP_HTTP_RATE="100000", TRUEUP_HTTP_WRONG_TOKENS="0") as running:
        yield running


@pytest.mark.timeout(SECONDS_MAX + 60)
def test_the_whole_document(here: Gateway, known: Known, tmp_path: Path) -> None:
    """No 5xx, and every answer is documented: its status, its type, its body; good data and bad, the same each run."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    argv = [sys.executable, "-m", "schemathesis.cli", "run", f"{here.url}/openapi.json", *OPTIONS]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.acceptance.known_ids", "TRUEUP_TEST_KNOWN_IDS": json.dumps(known)}
    done = subprocess.run(
        [*argv, "--header", f"Authorization: Bearer {here.token}"],
        cwd=tmp_path,
        env=os.environ | hooks | {"COLUMNS": "160", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
