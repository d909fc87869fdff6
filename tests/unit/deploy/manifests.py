"""Files for deployment, read: objects of Kubernetes and services of the compose file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
PROCESSES = [line.partition(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()]
WORKERS = ("single", "bulk", "invoices", "events")
# What others define has no schema among Kubernetes' own: the fields that we use, and no other.
_OTHERS: dict[str, dict[str, Any]] = {
    "ScaledObject": {
        "scaleTargetRef": dict,
        "minReplicaCount": int,
        "maxReplicaCount": int,
        "pollingInterval": int,
        "cooldownPeriod": int,
        "triggers": list,
    },
    "TriggerAuthentication": {"secretTargetRef": list},
    "ServiceMonitor": {"selector": dict, "endpoints": list, "targetLabels": list},
}


def arguments(process: str) -> list[str]:
    """What `trueup` is given to run this process."""
    return ["worker", process] if process in WORKERS else [process]


def documents(text: str) -> list[Any]:
    """The objects of a text in YAML."""
    return [each for each in yaml.safe_load_all(text) if each]


def validate(found: Any) -> None:
    """Judges an object of Kubernetes; an unknown field is an error."""
    if fields := _OTHERS.get(found["kind"]):
        assert all(isinstance(value, fields[name]) for name, value in found["spec"].items()), found["spec"]
    else:
        kubernetes_validate.validate(found, "1.37", strict=True)


def pods(objects: list[Any]) -> Iterator[tuple[str, Any]]:
    """Each pod that the objects ask for, with the name of who asks."""
    for each in objects:
        if each["kind"] in {"Deployment", "Job"}:
            yield each["metadata"]["name"], each["spec"]["template"]


def secrets_of(pod: Any) -> set[str]:
    """The names of the secrets that the containers of a pod get."""
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    whole = [source.get("secretRef", {}).get("name") for each in containers for source in each.get("envFrom", [])]
    keys = [
        variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
        for each in containers
        for variable in each.get("env", [])
    ]
    return {name for name in (*whole, *keys) if name}
