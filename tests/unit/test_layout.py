"""The house rules that no linter knows: who imports whom, how long things are, that every job is whole."""

from __future__ import annotations

import ast
import importlib
import sys
import zipfile
from pathlib import Path

import pytest

from cli.submit import JOBS
from connectors.models.registry import Registry
from stack.package import PACKAGES, ROOT, pack
from tools.tracked import tracked as tracked

MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_COMMAND_LINES = 350, 60, 120
# What the engine may import beside contracts: libraries that do no I/O. Who of ours imports whom: pyproject.toml.
LIBRARIES = {"msgspec", "numpy", "orjson"}
YAML = ("state/rules/", "state/segments/language/", "state/triggers/actions.py")  # these are read from files
# Modules whose VIEWS are statements: the jobs, and the stages that only stand inside of them.
SQL = ROOT / "jobs" / "sql"
STAGES = [job for job in JOBS if job != "suite"] + ["read", "devices", "ledger"]


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
    assert {Path(path).parts[0] for path in SOURCES} == {
        *PACKAGES,
        "cli",
        "stack",
        "tools",
        "services",
        "clients",
        "tests",
        "examples",
    }


def modules(path: str) -> set[str]:
    """Full names of the modules that the file imports or imports from."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found = node.module or ""
            names |= {f"{found}.{one.name}" for one in node.names} if "." not in found else {found}
    return names


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith("state/")])
def test_the_engine_uses_no_library_of_the_world(path: str) -> None:
    rules = {"pydantic"} if path.startswith(YAML) else set()
    assert imported(path) <= sys.stdlib_module_names | {"state", "connectors"} | LIBRARIES | rules


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith("state/")])
def test_the_engine_reads_no_clock(path: str) -> None:
    assert not modules(path) & {"time", "asyncio", "threading", "socket", "subprocess", "random"}
    if not path.startswith(YAML):
        assert not modules(path) & {"datetime", "os", "io", "pathlib.Path"}


# What reads a clock, a file or the environment, by the last name of the call.
WORLD = {
    "environ", "getenv", "glob", "is_dir", "is_file", "iterdir", "monotonic", "monotonic_ns", "now", "open",
    "perf_counter", "read_bytes", "read_text", "stat", "time_ns", "today", "unlink", "utcnow", "write_bytes", "write_text",
}  # fmt: skip
PURE = [
    path
    for path in SOURCES
    if not path.startswith("tests/") and " Pure." in (ast.get_docstring(tree(path)) or "")
]


def of_the_world(node: ast.AST) -> bool:
    """Whether the node names a function that reads or changes the world."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"open", "files", "print", "input"}
    if not isinstance(node, ast.Attribute):
        return False
    module = node.value.id if isinstance(node.value, ast.Name) else ""
    return (node.attr in WORLD and module != "self") or (module, node.attr) == ("time", "time")


@pytest.mark.parametrize("path", PURE)
def test_a_pure_module_reads_no_clock_file_or_environment(path: str) -> None:
    found = [node for node in ast.walk(tree(path)) if of_the_world(node)]
    assert [(node.lineno, ast.unparse(node)) for node in found] == []  # type: ignore[attr-defined]


WRITES = ("add", "clear", "point")  # what writes the registry of models


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith("udfs/")])
def test_a_worker_never_writes_the_registry(path: str) -> None:
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    found = [ast.unparse(one) for one in calls if isinstance(one, ast.Attribute) and one.attr in WRITES]
    assert [one for one in found if "registry" in one.lower()] == []


def test_the_registry_is_written_by_these_methods() -> None:
    assert all(hasattr(Registry, name) for name in WRITES)


def test_files_of_commands_are_shorter() -> None:
    long = {path: len((ROOT / path).read_text().splitlines()) for path in SOURCES if path.startswith("cli/")}
    assert {path: lines for path, lines in long.items() if lines > MAX_COMMAND_LINES} == {}


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


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_views_that_are_files(stage: str) -> None:
    module = importlib.import_module(f"jobs.{stage}")
    assert [view for view in getattr(module, "VIEWS", ()) if not (SQL / f"{view}.sql").is_file()] == []


def test_every_statement_is_used() -> None:
    wiring = "\n".join((ROOT / path).read_text() for path in SOURCES if path.startswith("jobs/"))
    names = [str(Path(path).relative_to("jobs/sql").with_suffix("")) for path in tracked("jobs/sql/*.sql")]
    assert [name for name in names if f'"{name}"' not in wiring] == []


def test_the_package_has_everything_a_job_reads(tmp_path: Path) -> None:
    held = set(zipfile.ZipFile(pack(tmp_path / "suite.zip")).namelist())
    needed = {path for path in tracked(*(f"{name}/*" for name in PACKAGES)) if not path.endswith(".md")}
    assert needed <= held
    assert not [name for name in held if name.startswith(("tests", "cli", "stack", "tools"))]
