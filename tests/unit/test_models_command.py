"""`scripts/models` from the command line: each verb, and what each refuses, in one line and with status 2."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli.models import main
from connectors.models.files import GOLDEN, MANIFEST
from connectors.models.registry import Registry
from tests import clusters, models

NAME = "purchase_intent"


@pytest.fixture
def run(tmp_path):
    def call(*arguments):
        result = CliRunner().invoke(main, ["--models", str(tmp_path / "registry"), *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return call


@pytest.fixture
def versions(tmp_path, run):
    """Two published versions."""
    made = [models.write(tmp_path / "built", bias=bias).version for bias in (-1.0, -2.0)]
    for version in made:
        assert run("publish", tmp_path / "built" / version) == (0, f"{NAME} {version}\n")
    return made


def test_a_version_goes_its_way(run, versions):
    first, second = versions
    assert run("promote", NAME, first) == (0, f"{NAME} {first}; before: none\n")
    assert run("promote", NAME, second, "--note", "warmer")[0] == 0
    assert "warmer" in run("show", NAME)[1]
    assert run("shadow", NAME, first)[0] == 0
    listed = run("list")[1].splitlines()
    assert {line.split()[1]: line.split()[-1] for line in listed} == {first: "shadow", second: "live"}
    assert run("verify")[1].count("is sound") == 4, "two versions and two roles"
    assert run("shadow", NAME, "--off")[0] == 0
    assert run("rollback", NAME) == (0, f"{NAME} {first}; before: none\n")


def test_clusters_are_shown_as_clusters(run, tmp_path):
    manifest = models.write(tmp_path / "built", metrics={"silhouette": 0.61}, **clusters.two_clusters())
    assert run("publish", tmp_path / "built" / manifest.version)[0] == 0
    assert "silhouette 0.610" in run("list")[1]
    shown = run("show", "visitor_cluster", manifest.version)[1]
    assert "short: \nlong: \n" in shown and "probability" not in shown


def test_errors_name_what_is_wrong(run, versions, tmp_path):
    for arguments, words in [
        (("rollback", NAME), "no version is live"),
        (("show", "nobody"), "no version is live"),
        (("promote", NAME, "20990101-00000000"), "cannot be read"),
        (("promote", NAME, "../../etc"), "is no version"),
        (("shadow", NAME), "give a VERSION, or --off"),
        (("verify", "nobody"), "no version to verify"),
        (("publish", tmp_path), "manifest.json: cannot be read"),
    ]:
        status, output = run(*arguments)
        assert status == 2 and words in output, (arguments, output)


def test_a_candidate_is_refused_by_its_own_path(run, tmp_path):
    manifest = models.write(tmp_path / "built", content=models.graph((0.1, 0.5), external=True))
    folder = tmp_path / "built" / manifest.version
    status, output = run("publish", folder)
    assert status == 2 and f"{folder}: tensor weights lies in another file" in output
    assert run("list") == (0, "")
    (folder / MANIFEST).write_text("{}")
    assert run("publish", folder)[0] == 2


def test_verify_goes_on_after_the_first_that_is_wrong(run, versions, tmp_path):
    run("promote", NAME, versions[0])
    changed = Registry(tmp_path / "registry").root / NAME / versions[0] / GOLDEN
    changed.write_bytes(changed.read_bytes() + b" ")
    status, output = run("verify")
    assert status == 2 and output.count("REFUSED: ") == 2 and f"{versions[1]} is sound" in output
    assert "it was changed after publishing" in output and "2 of 3 checks failed" in output
    assert run("promote", NAME, versions[0])[0] == 2
