"""The overlays of Kustomize, rendered by kubectl, and what KEDA asks of a real database and a real queue."""

import shutil
import subprocess
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.bodies import invoiced
from tests.integration.intake import Intake, entry
from tests.unit.deploy.manifests import DEPLOY, documents, pods, validate
from trueup.store.postgres.roles.names import READ
from trueup.wire.message.names import QUEUES


def rendered(place: str) -> list[Any]:
    """The objects of a kustomization."""
    assert shutil.which("kubectl"), "kubectl is needed, with kustomize 4.1 or later in it"
    command = ["kubectl", "kustomize", str(DEPLOY / "k8s" / place)]
    return documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def triggers(kind: str) -> list[Any]:
    """What KEDA scales by."""
    text_of = (DEPLOY / "k8s/overlays/keda/scaledobjects.yaml").read_text()
    return [
        each["metadata"] for found in documents(text_of) for each in found["spec"]["triggers"] if each["type"] == kind
    ]


@pytest.mark.parametrize("place", ["base", "overlays/production"])
def test_what_is_rendered_is_valid(place: str) -> None:
    """Each object by the schemas of Kubernetes; what is referred to is there, but for the secrets."""
    objects = rendered(place)
    for each in objects:
        validate(each)
        assert each["metadata"]["namespace"] == "trueup"
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for _, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            (named,) = (source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source)
            assert ("ConfigMap", named) in names
    for each in objects:
        if target := each.get("spec", {}).get("scaleTargetRef"):
            assert ("Deployment", target["name"]) in names


def test_in_production_one_thing_says_how_many() -> None:
    """Neither KEDA nor the autoscaler has to fight a number in a Deployment; all have the image that is named."""
    objects = rendered("overlays/production")
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in objects if "scaleTargetRef" in each.get("spec", {})}
    deployments = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "Deployment"}
    assert {name for name, spec in deployments.items() if "replicas" not in spec} == scaled
    images = {c["image"] for _, pod in pods(objects) for c in pod["spec"]["containers"]}
    assert len(images) == 1


def test_the_queues_that_keda_looks_at() -> None:
    """Are ours."""
    assert {each["listName"] for each in triggers("redis")} <= set(QUEUES)


def test_the_due_rows_that_keda_counts(database: Engine) -> None:
    """As the role that reads: an item that is due counts, one of the future does not."""
    account = Intake(database)
    items = [{"timestamp": f"{year}-01-01T00:00:00Z", "amount": 1000} for year in (2020, 2999)]
    account.receive(entry(invoiced(*items)))
    (wanted,) = triggers("postgresql")
    reader = create_engine(database.url.set(username=READ))
    with reader.connect() as connection:
        assert connection.execute(text(wanted["query"])).scalar_one() == 1
    reader.dispose()
