"""The commands of docs/operations/kubernetes.md: rendered, or held to the manifests that they name."""

from __future__ import annotations

import copy
import json
import re
import shlex
from typing import Any

import pytest

from stack.package import ROOT
from tests.deploy.manifests import Manifest, of_kind, pods, rendered
from tests.deploy.test_kinds import custom_problems
from tests.deploy.test_wiring import secret_keys
from tools import manifests

PAGE = (ROOT / "docs" / "operations" / "kubernetes.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
]
NAMESPACE = "footfall"


def kubectl(*verbs: str) -> list[list[str]]:
    """The words behind the verb, of every such command."""
    found = []
    for program, *words in COMMANDS:
        if words[:2] == ["-n", NAMESPACE]:
            words = words[2:]
        if program == "kubectl" and words[: len(verbs)] == list(verbs):
            found.append(words[len(verbs) :])
    return found


def named(kind: str, name: str) -> Manifest:
    [found] = [one for one in of_kind("production", kind) if one["metadata"]["name"] == name]
    return found


def test_every_command_is_looked_at() -> None:
    known = [("kustomize",), ("apply",), ("create",), ("wait",), ("get",), ("patch",), ("logs",)]
    looked_at = sum(len(kubectl(*verbs)) for verbs in known)
    others = [words for words in COMMANDS if words[0] != "kubectl"]
    assert looked_at + len(others) == len(COMMANDS) > 15
    assert {words[0] for words in others} == {"podman", "python"}


def test_overlays_that_are_applied_are_there() -> None:
    [[rendering], [_, applying]] = [*kubectl("kustomize"), *kubectl("apply")]
    assert rendering == applying
    assert rendered(rendering.rpartition("/")[2])
    assert (ROOT / applying / "kustomization.yaml").is_file()
    assert kubectl("create", "namespace") == [[NAMESPACE]]
    assert {one["metadata"]["namespace"] for one in rendered("production") if one["kind"] != "Namespace"} == {
        NAMESPACE
    }


def test_secrets_have_the_keys_that_the_table_lists() -> None:
    made = {
        name: [word.split("=")[1] for word in files]
        for name, *files in kubectl("create", "secret", "generic")
    }
    assert made
    assert {name: secret_keys()[name] for name in made} == made


def test_what_is_started_by_hand_is_suspended() -> None:
    for source, _ in kubectl("create", "job"):
        assert named("CronJob", source.rpartition("/")[2])["spec"]["suspend"] is True
    [[*_, waited]] = kubectl("wait")
    assert waited == f"job/{kubectl('create', 'job')[0][1]}"


@pytest.mark.parametrize("words", kubectl("patch"), ids=" ".join)
def test_a_patch_gives_what_the_operator_takes(words: list[str]) -> None:
    kind, name, *_, patch = words
    assert kind == "flinkdeployment"
    patched = merged(copy.deepcopy(named("FlinkDeployment", name)), json.loads(patch))
    assert patched != named("FlinkDeployment", name) or "running" in patch
    assert custom_problems(patched) == []


def merged(whole: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    for key, value in patch.items():
        whole[key] = merged(whole.get(key, {}), value) if isinstance(value, dict) else value
    return whole


def test_logs_are_those_of_pods() -> None:
    for selector, _ in kubectl("logs"):
        labels = dict(pair.split("=") for pair in selector.partition("=")[2].split(","))
        assert [pod for pod in pods("production") if labels.items() <= pod.labels.items()]


def test_images_are_built_from_files_that_there_are() -> None:
    for words in (words for words in COMMANDS if words[0] == "podman"):
        file, tag = words[words.index("-f") + 1], words[words.index("-t") + 1]
        assert (ROOT / file).is_file()
        assert tag in {pod.image for pod in pods("production")}


def test_the_module_that_writes_flinks_options_is_there() -> None:
    [words] = [words for words in COMMANDS if words[0] == "python"]
    assert words == ["python", "-m", manifests.__name__]
