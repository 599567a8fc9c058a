"""What is written out of the code is what the code says; what the services may import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from services import reference

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted((ROOT / "services").rglob("*.py"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)


@pytest.mark.parametrize("path", reference.pages(), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.pages()[path], "run python -m services.reference"


def test_no_flink_is_needed() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SERVICES]
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'pyflink', 'jobs', 'udfs', 'confluent_kafka'}))"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"


def test_of_the_house_only_contracts_adapters_and_the_engine_are_imported() -> None:
    found = set()
    for path in SERVICES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    assert found & {"jobs", "udfs", "cli", "tools", "stack", "tests", "pyflink"} == set()


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / "services" / name).read_text()))


@pytest.mark.parametrize(
    ("asked", "frozen"), [("requirements", "requirements"), ("requirements-test", "requirements-test")]
)
def test_what_is_asked_for_is_frozen_and_installed(asked: str, frozen: str) -> None:
    wanted, answer = pins(f"{asked}.in"), pins(f"{frozen}.txt")
    assert wanted and wanted.items() <= answer.items()
    assert {name: version(name) for name in answer} == answer
