"""The objects of Kubernetes in the base: valid, each process there, and with no more rights than it needs."""

from typing import Any

import pytest

from tests.unit.deploy.manifests import DEPLOY, PROCESSES, arguments, documents, pods, secrets_of, validate
from trueup_worker.observability.exposition import OFFSETS

BASE = DEPLOY / "k8s" / "base"
FILES = [path for path in sorted((DEPLOY / "k8s").rglob("*.yaml")) if path.name != "kustomization.yaml"]


@pytest.fixture(scope="module")
def base() -> list[Any]:
    """All objects of the base."""
    return [each for path in sorted(BASE.glob("*.yaml")) if path in FILES for each in documents(path.read_text())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(DEPLOY / "k8s").as_posix())
def test_each_object_is_valid(path: Any) -> None:
    """By the schemas of Kubernetes, where no unknown field passes."""
    for each in documents(path.read_text()):
        validate(each)


def test_every_file_is_named() -> None:
    """No object lies beside its kustomization, unused."""
    for folder in {path.parent for path in FILES}:
        (named,) = documents((folder / "kustomization.yaml").read_text())
        assert set(named["resources"]) == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}


def test_each_process_is_a_deployment(base: list[Any]) -> None:
    """With its command, a budget of disruptions, and a selector that finds its pods."""
    deployments = {each["metadata"]["name"]: each for each in base if each["kind"] == "Deployment"}
    assert deployments.keys() == {f"trueup-{name}" for name in PROCESSES}
    budgets = {each["metadata"]["name"]: each["spec"] for each in base if each["kind"] == "PodDisruptionBudget"}
    assert budgets.keys() == deployments.keys()
    for name in PROCESSES:
        spec = deployments[f"trueup-{name}"]["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["template"]["spec"]["containers"][0]["args"] == arguments(name)
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        assert budgets[f"trueup-{name}"]["selector"]["matchLabels"] == labels


def test_metrics_are_looked_for_where_they_are_served(base: list[Any]) -> None:
    """The port of each process by the rule of the code, in its pod and for Prometheus in the compose file."""
    ports = {name: 9400 + offset for name, offset in OFFSETS.items()}
    for name, pod in pods(base):
        for each in pod["spec"]["containers"][0].get("ports", ()):
            if each["name"] == "metrics":
                assert each["containerPort"] == ports[name.removeprefix("trueup-")]
    (prometheus,) = documents((DEPLOY / "compose" / "prometheus.yaml").read_text())
    targets = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
    assert sorted(targets) == sorted(f"{name}:{port}" for name, port in ports.items())


def test_no_pod_may_more_than_it_needs(base: list[Any]) -> None:
    """A user without rights, files that cannot be written, no token of the cluster, bounded memory."""
    for name, pod in pods(base):
        spec = pod["spec"]
        assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsNonRoot"]) == (10001, True), name
        assert spec["automountServiceAccountToken"] is False, name
        for each in (*spec.get("initContainers", ()), *spec["containers"]):
            rights = each["securityContext"]
            assert rights["readOnlyRootFilesystem"], name
            assert (rights["allowPrivilegeEscalation"], rights["capabilities"]) == (False, {"drop": ["ALL"]}), name
            assert each["resources"]["limits"]["memory"], name


def test_only_migrations_get_the_owners_url(base: list[Any]) -> None:
    """And every pod the application's."""
    for name, pod in pods(base):
        wanted = {"trueup", "trueup-owner"} if name == "trueup-migrate" else {"trueup"}
        assert secrets_of(pod) == wanted, name
