"""The house rules that no linter knows: who imports whom, how long things are, that every job is whole."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cli.package import PACKAGES, ROOT, pack
from cli.submit import JOBS

MAX_FILE_LINES, MAX_FUNCTION_LINES = 350, 60
# Who may import pyflink and jobs; every other module is pure, or knows nothing of the wiring.
WITH_PYFLINK = (
    "jobs/", "udfs/", "connectors/kafka.py", "cli/local_flink.py", "cli/rules_plan.py", "tests/sql/", "tests/cluster/",
    "tests/bench/",
)  # fmt: skip
WITH_JOBS = ("jobs/", "cli/", "tests/")
STAGES = [job for job in JOBS if job != "suite"]


def tracked(*patterns: str) -> list[str]:
    """Paths of tracked and of new files, relative to the checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]


SOURCES = tracked("*.py")


def tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported(path: str) -> set[str]:
    """Top-level names of everything the file imports, wherever in it."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add((node.module or "").partition(".")[0])
    return names


def test_there_are_sources() -> None:
    assert {Path(path).parts[0] for path in SOURCES} == {*PACKAGES, "cli", "stack", "tests", "examples"}


@pytest.mark.parametrize(("package", "allowed"), [("pyflink", WITH_PYFLINK), ("jobs", WITH_JOBS)])
def test_only_the_outer_layers_import(package: str, allowed: tuple[str, ...]) -> None:
    assert [path for path in SOURCES if package in imported(path) and not path.startswith(allowed)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_what_travels_to_a_cluster_imports_nothing_that_stays_behind(package: str) -> None:
    stays = {"cli", "stack", "tests"}
    mine = [path for path in SOURCES if path.startswith(f"{package}/")]
    assert {path: imported(path) & stays for path in mine if imported(path) & stays} == {}


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith("state/")])
def test_state_knows_only_the_standard_library(path: str) -> None:
    # Rules are read from YAML, validated, and speak of the event's contract.
    rules = {"pydantic", "ruamel", "connectors"} if path.startswith("state/rules/") else set()
    assert imported(path) <= sys.stdlib_module_names | {"state"} | rules


def test_files_are_short() -> None:
    long = {path: len((ROOT / path).read_text().splitlines()) for path in (*SOURCES, *tracked("*.sql"))}
    assert {path: lines for path, lines in long.items() if lines >= MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    long = [
        f"{path}:{node.name}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno + 1 >= MAX_FUNCTION_LINES
    ]
    assert long == []


def test_the_jobs_are_the_modules_that_run() -> None:
    runnable = {
        Path(path).stem
        for path in SOURCES
        if path.startswith("jobs/") and '__name__ == "__main__"' in (ROOT / path).read_text()
    }
    assert runnable == set(JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_has_its_parts(job: str) -> None:
    module = importlib.import_module(f"jobs.{job}")
    assert (module.__doc__ or "").startswith(f"{job.upper()}: ")
    assert callable(module.build) and callable(module.main)


@pytest.mark.parametrize("job", STAGES)
def test_a_stage_names_views_that_are_files(job: str) -> None:
    module = importlib.import_module(f"jobs.{job}")
    assert [view for view in module.VIEWS if not (ROOT / "state" / f"{view}.sql").is_file()] == []
    assert {view.partition("/")[0] for view in module.VIEWS} == {job}


def test_what_a_stage_reads_is_a_view_of_another_or_a_source() -> None:
    # Where the data comes from: topics as tables; and the topics that only the audit reads.
    written = {"events_json", "foreign_messages", *importlib.import_module("jobs.audit").READS}
    for job in STAGES:
        module = importlib.import_module(f"jobs.{job}")
        written |= {view.rpartition("/")[2] for view in module.VIEWS} | set(getattr(module, "COMPILED", ()))
    for job in STAGES:
        assert set(importlib.import_module(f"jobs.{job}").READS) <= written


def test_every_statement_is_used() -> None:
    wiring = "\n".join((ROOT / path).read_text() for path in SOURCES if path.startswith("jobs/"))
    shapes = (ROOT / "state/rules/program.py").read_text()
    names = [str(Path(path).relative_to("state").with_suffix("")) for path in tracked("state/*.sql")]
    unused = [name for name in names if f'"{name}"' not in wiring]
    assert [name for name in unused if f'_file("{Path(name).stem}"' not in shapes] == []


def test_the_package_has_everything_a_job_reads(tmp_path: Path) -> None:
    held = set(zipfile.ZipFile(pack(tmp_path / "suite.zip")).namelist())
    needed = {path for path in tracked(*(f"{name}/*" for name in PACKAGES)) if not path.endswith(".md")}
    assert needed <= held
    assert not [name for name in held if name.startswith(("tests", "cli", "stack"))]
