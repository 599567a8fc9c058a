"""The manifests as `kubectl kustomize` renders them, and ways to find things in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stack.package import ROOT
from tests.environments import python_of

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("development", "production")
Manifest = dict[str, Any]


def tool_python() -> Path:
    """The interpreter that has kubectl and kubernetes-validate."""
    lines = (Path(__file__).parent / "requirements.txt").read_text().splitlines()
    return python_of("deploy", [line for line in lines if line and not line.startswith("#")])


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Everything that an overlay applies. No server is asked."""
    kubectl = tool_python().parent / "kubectl"
    done = subprocess.run(
        [kubectl, "kustomize", KUBERNETES / "overlays" / overlay],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath},  # not the cluster that KUBECONFIG names
    )
    assert done.returncode == 0, done.stderr
    return tuple(documents(done.stdout))


def documents(text: str) -> list[Manifest]:
    """The documents of a YAML stream."""
    return [one for one in YAML(typ="safe").load_all(text) if one]


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    """The manifests of some kinds."""
    return [one for one in rendered(overlay) if one["kind"] in kinds]


def name_of(manifest: Manifest) -> str:
    """`Deployment footfall-api`."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


@dataclass(frozen=True)
class Pod:
    """A pod as a manifest asks for it."""

    name: str
    labels: dict[str, str]
    spec: Manifest
    image: str
    words: tuple[str, ...]

    @property
    def container(self) -> Manifest:
        """The one container."""
        [container] = self.spec["containers"]
        found: Manifest = container
        return found


def pods(overlay: str) -> list[Pod]:
    """Every pod that an overlay leads to; one for JobManager and TaskManager of a job each."""
    return [pod for manifest in rendered(overlay) for pod in _pods_of(manifest)]


def _pods_of(manifest: Manifest) -> Iterator[Pod]:
    spec = manifest.get("spec", {})
    if manifest["kind"] == "FlinkDeployment":
        template, job = spec["podTemplate"], spec["job"]
        for role in ("jobmanager", "taskmanager"):
            # What Flink's Kubernetes client adds to the pods that it makes.
            made = {"component": role, "type": "flink-native-kubernetes", "app": manifest["metadata"]["name"]}
            labels = template["metadata"]["labels"] | made
            yield Pod(
                f"{name_of(manifest)} {role}", labels, template["spec"], spec["image"], tuple(job["args"])
            )
    elif manifest["kind"] in ("Deployment", "CronJob"):
        inner = spec if manifest["kind"] == "Deployment" else spec["jobTemplate"]["spec"]
        template = inner["template"]
        container = template["spec"]["containers"][0]
        labels, words = template["metadata"]["labels"], tuple(container["args"])
        yield Pod(name_of(manifest), labels, template["spec"], container["image"], words)


def settings_of(overlay: str, pod: Pod) -> dict[str, str]:
    """The variables that its container sees."""
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(overlay, "ConfigMap")}
    found: dict[str, str] = {}
    for source in pod.container.get("envFrom", []):
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]
    return found | {one["name"]: one["value"] for one in pod.container.get("env", [])}
