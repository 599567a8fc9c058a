"""The manifests against each other and against the code: names, ports, labels, settings, commands."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import click
import pytest

from jobs.command_line import settings_from
from jobs.settings import VARIABLES, Settings
from services.settings import ApiSettings, CollectorSettings
from stack.package import ROOT
from tests.deploy.manifests import OVERLAYS, Manifest, Pod, name_of, of_kind, pods, rendered, settings_of

SERVICES = {"services.collect": CollectorSettings, "services.serve": ApiSettings}
WITH_INDEX = ("jobs.suite", "jobs.audit", "jobs.recommendations", "services.serve", "cli.prepare")
OVER_THE_LAKE = ("cli.merge", "cli.train", "cli.segments", "cli.recommend")
SECRETS = "/etc/footfall/secrets/"
PODS = [(overlay, pod) for overlay in OVERLAYS for pod in pods(overlay)]
of_every_pod = pytest.mark.parametrize(
    ("overlay", "pod"), PODS, ids=[f"{one}-{pod.name}" for one, pod in PODS]
)
in_every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def module_of(pod: Pod) -> str:
    """`jobs.suite`, `cli.merge`, `services.serve`."""
    words = pod.words
    return words[words.index("-pym" if "-pym" in words else "-m") + 1]


def own_words(pod: Pod) -> list[str]:
    """What the module itself is given."""
    return list(pod.words[pod.words.index(module_of(pod)) + 1 :])


@in_every_overlay
def test_there_is_everything(overlay: str) -> None:
    found = {one["metadata"]["name"].removeprefix("footfall-") for one in of_kind(overlay, "FlinkDeployment")}
    assert found >= {"suite", "triggers", "audit", "recommendations"}
    assert {"collector", "api", "heartbeat"} == {
        one["metadata"]["name"].removeprefix("footfall-") for one in of_kind(overlay, "Deployment")
    }
    names = [name_of(one) for one in rendered(overlay)]
    assert len(names) == len(set(names))
    assert all(one["metadata"].get("namespace") for one in rendered(overlay) if one["kind"] != "Namespace")


@of_every_pod
def test_what_runs_is_a_module_of_the_image(overlay: str, pod: Pod) -> None:
    module = module_of(pod)
    path = ROOT / f"{module.replace('.', '/')}.py"
    assert '__name__ == "__main__"' in path.read_text("utf-8")
    image = pod.image.rpartition(":")[0].rpartition("/footfall-")[2]
    built = (ROOT / "deploy" / "images" / f"{image}.Containerfile").read_text("utf-8")
    assert f"COPY {module.partition('.')[0]} /opt/footfall/" in built


@of_every_pod
def test_its_words_are_understood(overlay: str, pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    module, words = module_of(pod), own_words(pod)
    set_only(monkeypatch, settings_of(overlay, pod))
    if module.startswith("jobs."):
        settings_from(words)
    elif module not in SERVICES:
        parse(importlib.import_module(module).main, module, words)


def parse(command: click.Command, name: str, words: list[str]) -> None:
    """As the command parses them, those of a subcommand too: a word that it does not know is a UsageError."""
    context = command.make_context(name, list(words))
    if isinstance(command, click.Group):
        inner, subcommand, rest = command.resolve_command(context, words)
        assert subcommand is not None
        parse(subcommand, f"{name} {inner}", rest)


@of_every_pod
def test_its_variables_are_settings(overlay: str, pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of(overlay, pod)
    known = set(Settings.model_fields) | set(ApiSettings.model_fields)
    if (service := SERVICES.get(module_of(pod))) is not None:
        known = set(Settings.model_fields) | set(service.model_fields)
    assert {name.removeprefix(VARIABLES).lower() for name in found} <= known
    set_only(monkeypatch, found)
    if service is not None:
        assert service.read().host == "0.0.0.0"
        assert {f"{VARIABLES}{name}".upper() for name in ("host", "key_file")} <= set(found)
    else:
        assert settings_from([]).kafka_bootstrap_servers == found["FOOTFALL_KAFKA_BOOTSTRAP_SERVERS"]


def set_only(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name in {
        f"{VARIABLES}{field}".upper() for field in (*Settings.model_fields, *ApiSettings.model_fields)
    }:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@in_every_overlay
def test_a_job_has_the_parallelism_that_its_deployment_says(overlay: str) -> None:
    for one in of_kind(overlay, "FlinkDeployment"):
        job = one["spec"]["job"]
        settings = settings_from(job["args"][job["args"].index("-pym") + 2 :])
        assert settings.parallelism == job["parallelism"], name_of(one)
        assert job["parallelism"] <= settings.buckets
        assert (
            f"footfall-{job['args'][job['args'].index('-pym') + 1].removeprefix('jobs.')}"
            == one["metadata"]["name"]
        )


@in_every_overlay
def test_recommendations_have_an_input(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [suite, *_] = [pod for pod in pods(overlay) if module_of(pod) == "jobs.suite"]
    set_only(monkeypatch, settings_of(overlay, suite))
    assert settings_from(own_words(suite)).valid_events


@of_every_pod
def test_a_pod_is_restricted(overlay: str, pod: Pod) -> None:
    """What the standard `restricted` of Kubernetes wants, and that no Service puts variables among the settings."""
    inside, outside = pod.container["securityContext"], pod.spec["securityContext"]
    assert pod.spec["enableServiceLinks"] is False
    assert outside["runAsNonRoot"] is True and outside["runAsUser"] == 9999
    assert outside["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside["allowPrivilegeEscalation"] is False and inside["readOnlyRootFilesystem"] is True
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert all("hostPath" not in volume for volume in pod.spec["volumes"])


@of_every_pod
def test_what_a_pod_names_is_there(overlay: str, pod: Pod) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in rendered(overlay)}
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    for mount in pod.container["volumeMounts"]:
        volume = volumes.pop(mount["name"])
        if claim := volume.get("persistentVolumeClaim"):
            assert ("PersistentVolumeClaim", claim["claimName"]) in there
    assert volumes == {}, "volumes that nothing mounts"
    if account := pod.spec.get("serviceAccountName"):
        assert ("ServiceAccount", account) in there


@of_every_pod
def test_folders_that_settings_name_are_mounted(overlay: str, pod: Pod) -> None:
    mounted = {mount["mountPath"] for mount in pod.container["volumeMounts"]}
    paths = [word for word in own_words(pod) if word.startswith("/")]
    assert all(any(path == mount or path.startswith(f"{mount}/") for mount in mounted) for path in paths)
    if module_of(pod) == "jobs.suite":
        found = settings_of(overlay, pod)
        assert {found["FOOTFALL_ARCHIVE_DIR"], found["FOOTFALL_MODEL_DIR"]} <= mounted


@of_every_pod
def test_a_secret_is_a_file_of_a_secret_that_the_page_lists(overlay: str, pod: Pod) -> None:
    keys = secret_keys()
    sources = [s for v in pod.spec["volumes"] for s in v.get("projected", {}).get("sources", [])]
    mounted = {source["secret"]["name"] for source in sources}
    assert mounted <= set(keys)
    if module_of(pod).startswith(("jobs.", "services.")):
        offered = {key for name in mounted for key in keys[name]}
        files = [value for value in settings_of(overlay, pod).values() if value.startswith(SECRETS)]
        assert {file.removeprefix(SECRETS) for file in files} <= offered


def secret_keys() -> dict[str, list[str]]:
    """Keys of each secret, as the page lists them."""
    page = (ROOT / "docs" / "operations" / "kubernetes.md").read_text("utf-8")
    rows = re.findall(r"^\| `(footfall-\w+)` \| (.+?) \|", page, re.MULTILINE)
    return {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows}


@in_every_overlay
def test_no_secret_is_in_the_manifests(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    for one in of_kind(overlay, "ConfigMap"):
        for name, value in one["data"].items():
            assert not re.search("KEY$|PASSWORD|SECRET|TOKEN", name), name
            assert "@" not in value, name


@in_every_overlay
def test_ports_are_those_of_the_code(overlay: str) -> None:
    by_module = {module_of(pod): pod for pod in pods(overlay)}
    for module, service in SERVICES.items():
        [port] = by_module[module].container["ports"]
        assert port == {"name": "http", "containerPort": service.model_fields["port"].default}
    for one in of_kind(overlay, "FlinkDeployment"):
        options, container = (
            one["spec"]["flinkConfiguration"],
            one["spec"]["podTemplate"]["spec"]["containers"][0],
        )
        assert container["name"] == "flink-main-container"
        assert container["ports"] == [
            {"name": "metrics", "containerPort": int(options["metrics.reporter.prom.port"])}
        ]
        keys = (
            "jobmanager.rpc.port",
            "blob.server.port",
            "taskmanager.rpc.port",
            "taskmanager.data.port",
            "rest.port",
        )
        [policy] = [
            p for p in of_kind(overlay, "NetworkPolicy") if p["metadata"]["name"] == one["metadata"]["name"]
        ]
        allowed = {port["port"] for port in policy["spec"]["ingress"][0]["ports"]}
        assert allowed == {int(options[key]) for key in keys}
        assert allowed == {port["port"] for port in policy["spec"]["egress"][0]["ports"]}


def selected(overlay: str, selector: dict[str, Any]) -> list[Pod]:
    return [pod for pod in pods(overlay) if matches(selector, pod.labels)]


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    within = [labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])]
    return selector.get("matchLabels", {}).items() <= labels.items() and all(within)


def selectors(manifest: Manifest) -> list[dict[str, Any]]:
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Service":
        return [{"matchLabels": spec["selector"]}]
    if manifest["kind"] == "NetworkPolicy":
        peers = [
            p
            for rule in spec.get("ingress", [])
            for p in rule.get("from", [])
            if "namespaceSelector" not in p
        ]
        return [spec["podSelector"], *(peer["podSelector"] for peer in peers)]
    return (
        [spec["selector"]] if manifest["kind"] in ("Deployment", "PodDisruptionBudget", "PodMonitor") else []
    )


@in_every_overlay
def test_what_selects_finds_pods_of_its_own(overlay: str) -> None:
    checked = 0
    for manifest in rendered(overlay):
        for selector in selectors(manifest):
            found = selected(overlay, selector)
            assert found, name_of(manifest)
            name = manifest["metadata"]["name"]
            if manifest["kind"] != "PodMonitor" and any(name in pod.name.split() for pod in pods(overlay)):
                assert {pod.name.split()[1] for pod in found} == {name}, name_of(manifest)
            checked += 1
    assert checked > 20


@in_every_overlay
def test_a_port_by_name_is_one_that_the_pods_have(overlay: str) -> None:
    for one in of_kind(overlay, "PodMonitor"):
        ports = {endpoint["port"] for endpoint in one["spec"]["podMetricsEndpoints"]}
        for pod in selected(overlay, one["spec"]["selector"]):
            assert ports <= {port["name"] for port in pod.container["ports"]}
    for one in of_kind(overlay, "Service"):
        for pod in selected(overlay, {"matchLabels": one["spec"]["selector"]}):
            assert {p["targetPort"] for p in one["spec"]["ports"]} <= {
                p["name"] for p in pod.container["ports"]
            }


@of_every_pod
def test_a_pod_may_call_the_servers_that_it_needs(overlay: str, pod: Pod) -> None:
    """Who reads or writes where, after the code; the labels open the network."""
    module = module_of(pod)
    needs = {
        "kafka": module not in OVER_THE_LAKE,
        "elasticsearch": module in WITH_INDEX,
        "storage": module.startswith("jobs."),
        "kubernetes": module.startswith("jobs."),
    }
    opened = {name.removeprefix("footfall.dev/") for name in pod.labels if name.startswith("footfall.dev/")}
    assert opened == {name for name, needed in needs.items() if needed}


@in_every_overlay
def test_nothing_is_open_by_default(overlay: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(overlay, "NetworkPolicy")}
    assert policies["footfall-nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened = [rule for spec in policies.values() for rule in spec.get("ingress", [])]
    assert all(rule.get("from") and rule.get("ports") for rule in opened)


@in_every_overlay
def test_rights_are_few(overlay: str) -> None:
    assert of_kind(overlay, "ClusterRole", "ClusterRoleBinding") == []
    rules = [rule for role in of_kind(overlay, "Role") for rule in role["rules"]]
    assert not [rule for rule in rules if "*" in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])]
    assert "secrets" not in {resource for rule in rules for resource in rule["resources"]}
    accounts = {one["metadata"]["name"] for one in of_kind(overlay, "ServiceAccount")}
    bound = {subject["name"] for one in of_kind(overlay, "RoleBinding") for subject in one["subjects"]}
    assert bound == accounts - {"footfall"}
    for one in of_kind(overlay, "FlinkDeployment"):
        assert one["spec"]["serviceAccount"] in accounts
        assert one["spec"]["flinkConfiguration"]["kubernetes.taskmanager.service-account"] in accounts


def test_production_survives_the_loss_of_one() -> None:
    assert all(one["spec"]["jobManager"]["replicas"] >= 2 for one in of_kind("production", "FlinkDeployment"))
    for one in of_kind("production", "Deployment"):
        assert one["spec"]["replicas"] >= (1 if one["metadata"]["name"] == "footfall-heartbeat" else 2)
