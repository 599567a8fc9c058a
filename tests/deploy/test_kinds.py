"""Every manifest against the schema of its kind; a field that the schema does not know is refused."""

from __future__ import annotations

import copy
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.datasets import data_root
from tests.deploy.manifests import OVERLAYS, Manifest, name_of, of_kind, rendered, tool_python

# The oldest and the newest release of Kubernetes whose schemas kubernetes-validate carries.
RELEASES = ("1.33", "1.37")
CUSTOM = ("flink.apache.org", "monitoring.coreos.com")


def is_custom(manifest: Manifest) -> bool:
    return manifest["apiVersion"].partition("/")[0] in CUSTOM


def built_in_problems(manifests: list[Manifest], release: str) -> dict[str, str]:
    script = Path(__file__).with_name("validate_kinds.py")
    done = subprocess.run(
        [tool_python(), script, release],
        input=json.dumps(manifests),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_built_in_kinds(overlay: str, release: str) -> None:
    ours = [one for one in rendered(overlay) if not is_custom(one)]
    assert len(ours) > 20
    assert built_in_problems(ours, release) == {}


def test_an_unknown_field_of_a_built_in_kind_is_found() -> None:
    [first, *_] = copy.deepcopy(of_kind("production", "Deployment"))
    first["spec"]["template"]["spec"]["containers"][0]["memory"] = "1Gi"
    assert list(built_in_problems([first], RELEASES[-1])) == [name_of(first)]


@cache
def schemas() -> dict[str, Any]:
    """Strict schemas of custom kinds, by kind, of the definitions as their projects publish them."""
    folder = data_root() / "kubernetes"
    files = sorted(folder.glob("*.y*ml.gz"))
    if not files:
        pytest.skip(f"no definitions: {folder} has none; set FOOTFALL_TEST_DATA to the folder that does")
    found = {}
    for definition in read_by_tool(files):
        for version in definition["versions"]:
            key = f"{definition['group']}/{version['name']} {definition['names']['kind']}"
            found[key] = strict(version["schema"]["openAPIV3Schema"], top=True)
    return found


def read_by_tool(files: list[Path]) -> Any:
    """What the definitions say. The tools' YAML is in C: ours takes half a minute for their 3 MB."""
    script = (
        "import gzip, json, sys, yaml\n"
        "print(json.dumps([yaml.load(gzip.open(f), yaml.CSafeLoader)['spec'] for f in sys.argv[1:]]))"
    )
    done = subprocess.run([tool_python(), "-c", script, *files], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def strict(schema: Any, top: bool = False) -> Any:
    """The schema, in which an object that lists its members has no others."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if top:
        made["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
    return made


def custom_problems(manifest: Manifest) -> list[str]:
    schema = schemas()[f"{manifest['apiVersion']} {manifest['kind']}"]
    errors = Draft202012Validator(schema).iter_errors(manifest)
    return [f"{name_of(manifest)}: {error.json_path}: {error.message}" for error in errors]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_custom_kinds(overlay: str) -> None:
    ours = [one for one in rendered(overlay) if is_custom(one)]
    assert {one["kind"] for one in ours} >= {"FlinkDeployment", "PodMonitor"}
    assert [problem for one in ours for problem in custom_problems(one)] == []


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("spec",), {"restarts": 3}),
        (("spec", "job"), {"upgrademode": "savepoint"}),
        (("spec", "job"), {"upgradeMode": "now"}),
        (("spec", "podTemplate", "spec"), {"serviceLinks": False}),
    ],
)
def test_what_the_operator_does_not_know_is_found(place: tuple[str, ...], wrong: dict[str, object]) -> None:
    manifest = inner = copy.deepcopy(of_kind("production", "FlinkDeployment")[0])
    for level in place:
        inner = inner[level]
    inner.update(wrong)
    [problem] = custom_problems(manifest)
    assert next(iter(wrong)) in problem or "now" in problem
