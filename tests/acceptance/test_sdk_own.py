"""Metronome's own tests of its SDK, from its source distribution, against a gateway and a worker."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.acceptance import sdk_seeds as seeds
from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.acceptance.sdk_source import fetch, run
from tests.integration.intake import Intake

pytestmark = pytest.mark.slow

SELECTED = "not all_params and not add_charge and not breakdowns and not pdf"


@dataclass(frozen=True)
class File:
    """A file of theirs, and what its tests refer to.

    Attributes:
        path: below tests/api_resources.
        seed: what the account has.
        unserved: words in the names of those tests that call what Trueup does not serve.
        only: a word in the names of those that run; empty: all.
    """

    path: str
    seed: seeds.Seed
    unserved: str = ""
    only: str = ""

    @property
    def select(self) -> str:
        """Which of its tests run."""
        return " and not ".join([f"{SELECTED} and {self.only}" if self.only else SELECTED, *self.unserved.split()])


CUSTOMERS = "archive billing_configurations billable_metrics costs preview_events ingest_aliases set_name update_config"
SEATS_AND_RATES = "seat_balances seats_history quantity_history rate_schedule usage_filter pro_services"
CONTRACTS = f"amend archive update_end_date historical_invoices {SEATS_AND_RATES}"

FILES = [
    File("v1/customers/test_commits.py", seeds.commit),
    File("v1/customers/test_credits.py", seeds.a_credit),
    File("v1/customers/test_invoices.py", seeds.invoice),
    File("v1/test_invoices.py", seeds.void),
    File("v1/contracts/test_products.py", seeds.catalog, unserved="archive update"),
    File("v1/test_customers.py", seeds.catalog, unserved=CUSTOMERS),
    File("v1/test_contracts.py", seeds.segment, unserved=CONTRACTS),
    # The rest of this file is about contracts; one id in it is a commit's here and a credit's there.
    File("v2/test_contracts.py", seeds.edited_commit, only="edit_commit"),
    File("v2/test_contracts.py", seeds.edited_credit, only="edit_credit"),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's source distribution."""
    return fetch(tmp_path_factory.mktemp("sdk"))


@pytest.fixture(scope="module")
def here(module_fleet: Fleet) -> Iterator[Gateway]:
    """A gateway before a worker."""
    module_fleet.worker("commits")
    with gateway(module_fleet, "") as running:
        yield running


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.path} {file.only}".strip())
def test_a_file(here: Gateway, module_database: Engine, source: Path, file: File) -> None:
    """Every selected test of a file passes, on an account of its own."""
    account = Intake(module_database, account=f"{file.path} {file.only}")
    file.seed(account)
    done = run(source, file.path, select=file.select, url=here.url, token=account.token)
    assert done.returncode == 0, done.stdout + done.stderr
