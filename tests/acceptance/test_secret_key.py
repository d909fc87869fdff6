"""Every process tells at its start that it was given another secret key than the database's tokens are sealed under."""

import pytest

from tests.acceptance.gateway import gateway
from tests.acceptance.processes import Fleet, Process
from tests.integration.intake import Intake
from tests.integration.test_secret_key import ANOTHER


def ended(fleet: Fleet, process: Process) -> str:
    """What a process said that has ended."""
    assert process.wait() == 1
    return (fleet.folder / f"process-{fleet.started.index(process)}.log").read_text()


@pytest.mark.usefixtures("account")
def test_workers_and_schedulers_end(module_fleet: Fleet) -> None:
    """Before they take anything: a worker would park good messages, a scheduler send what is refused."""
    for process in (
        module_fleet.worker("commits", TRUEUP_SECRET_KEY=ANOTHER),
        module_fleet.scheduler(TRUEUP_SECRET_KEY=ANOTHER),
    ):
        said = ended(module_fleet, process)
        assert "TRUEUP_SECRET_KEY" in said
        assert "Traceback" not in said


def test_a_gateway_ends(module_fleet: Fleet, account: Intake) -> None:
    """It would take every token for a stranger's."""
    with gateway(module_fleet, account.token, TRUEUP_SECRET_KEY=ANOTHER):
        assert "TRUEUP_SECRET_KEY" in ended(module_fleet, module_fleet.started[-1])
