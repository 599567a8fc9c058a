"""The pages say what the code says, and nothing that belongs to one machine."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from cli.submit import JOBS
from connectors.contracts import rejected, topics
from connectors.elasticsearch import indices
from jobs import routes, visitors
from jobs.offline.ledger import Ledger, Window
from jobs.offline.why.facts import Reason
from jobs.settings import Settings
from jobs.wiring import VERSION
from stack.package import ROOT
from stack.runs.replay import summarise
from tests.unit.test_layout import tracked
from tools import reference
from tools.test import LEVELS

PAGES = tracked("*.md")
OPERATIONS = [path for path in PAGES if path.startswith("docs/operations/")]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
ADDRESS = re.compile(r"https?://([\w.-]+)")
# Loopback, names reserved for examples, names in tests, and the homes of formats and licences.
KNOWN_HOSTS = re.compile(
    r"127\.0\.0\.1|([\w-]+\.)*example|host|index|flink|f|json-schema\.org|www\.w3\.org|semver\.org|www\.apache\.org"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|home|Users)/\w|/tmp/(?!footfall/)\w")


def page(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def rows(text: str, first: str) -> list[str]:
    """The table row whose first cell it is."""
    return [line for line in text.splitlines() if line.startswith(f"| `{first}` |")]


# Kinds of documents that a job hands to ROUTES.
ROUTED = {
    "ingest": ("valid", *routes.OF_THE_SUITE[:4]),
    "visitors": visitors.OWN_ROUTES,
    "suite": routes.OF_THE_SUITE,
}


def topics_of(job: str) -> set[str]:
    """Names of the topics that a job's module mentions, and of those that its documents go to."""
    found = {routes.TOPICS[kind].name for kind in ROUTED.get(job, ())}
    for node in ast.walk(ast.parse(page(f"jobs/{job}.py"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "topics":
            found.add(getattr(topics, node.attr).name)
    return found


def uids_of(job: str) -> set[str]:
    """Names of the keyed operators that a job puts into its graph, those of the stages inside of it too."""
    tree = ast.parse(page(f"jobs/{job}.py"))
    stages = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "jobs"
        for alias in node.names
    ]
    return set().union(*(hosted_in(page(f"jobs/{stage}.py")) for stage in [job, *stages]))


def hosted_in(source: str) -> set[str]:
    """The first words of the calls of `wiring.hosted`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {ast.literal_eval(call.args[1]) for call in calls if getattr(call.func, "id", "") == "hosted"}


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_its_row_with_its_topics(job: str) -> None:
    (row,) = rows(page("jobs/README.md"), job)
    assert [name for name in topics_of(job) if f"`{name}`" not in row] == []
    assert f"`footfall-{job}`" in row
    assert [uid for uid in uids_of(job) if f"`{uid}`" not in row] == []


def test_the_keyed_operators_are_those_whose_names_are_committed() -> None:
    committed = page("tests/sql/stateful_uids.txt").splitlines()
    assert uids_of("suite") == {uid for uid in committed if uid.isalpha()}
    assert uids_of("ingest") == {"devices", "visitors"} and uids_of("triggers") == {"triggers"}


def test_the_map_of_the_jobs_names_every_view() -> None:
    text = page("jobs/README.md")
    views = [Path(path).stem for path in tracked("jobs/sql/*.sql")]
    assert [view for view in views if f"`{view}`" not in text] == []


def test_the_generated_pages_are_up_to_date() -> None:
    for path, text in reference.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run python -m tools.reference"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_its_row(name: str) -> None:
    (row,) = rows(page("docs/settings.md"), name)
    assert row == reference.setting_row(name, Settings.model_fields[name])


@pytest.mark.parametrize("name", reference.COMMANDS)
def test_every_script_is_in_the_reference_and_in_the_readme(name: str) -> None:
    assert f"## {name}\n" in page("docs/cli.md")
    assert name in page("README.md") or name in page("CONTRIBUTING.md")


def test_every_topic_and_index_is_in_the_contracts() -> None:
    names = [row.name for row in topics.TOPICS] + [index.alias for index in indices.INDICES]
    assert [name for name in names if f"`{name}`" not in page("docs/contracts.md")] == []


def test_every_level_of_tests_is_explained() -> None:
    assert [level.name for level in LEVELS if not rows(page("CONTRIBUTING.md"), level.name)] == []


@pytest.mark.parametrize("reason", rejected.REASONS)
def test_every_reason_is_in_the_runbook(reason: str) -> None:
    assert len(rows(page("docs/operations/dead-letters.md"), reason)) == 1


def test_every_answer_to_why_is_explained() -> None:
    text = page("docs/operations/why.md")
    assert [reason for reason in get_args(Reason) if f"`{reason}`" not in text] == []


def test_every_error_that_operators_see_is_in_a_runbook() -> None:
    text = "".join(map(page, OPERATIONS))
    tree = re.findall(r"── (\w+)", page("connectors/errors.py"))
    assert len(tree) == 12
    assert [name for name in tree if name != "EndUnavailable" and f"`{name}`" not in text] == []


def test_the_page_of_replays_names_every_field_of_ledger_and_summary() -> None:
    ledger = Ledger({(0, 0): Window(rejected=Counter(not_json=1))})
    stack = SimpleNamespace(stack=SimpleNamespace(peak_memory_bytes=lambda: 0))
    times = {"seconds": 2.0, "seconds_after_start": 1.0}
    summary = summarise(ledger, [], 0, times, stack)  # type: ignore[arg-type]
    document = ledger.to_document()
    names = {*summary, *document, *document["windows"][0]}
    assert sorted(name for name in names if f"`{name}`" not in page("docs/replay.md")) == []


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads(page("pyproject.toml"))["project"]["version"]
    newest = re.search(r"^## (\S+)", page("CHANGELOG.md"), re.MULTILINE)
    assert newest and newest[1] == project == VERSION


def test_every_version_says_whether_state_fits() -> None:
    versions = re.split(r"^## ", page("CHANGELOG.md"), flags=re.MULTILINE)[1:]
    assert all("*State compatibility:*" in text for text in versions)


def test_every_decision_is_indexed_and_has_its_parts() -> None:
    index = page("docs/decisions/README.md")
    for path in PAGES:
        if not re.match(r"docs/decisions/\d{4}-", path):
            continue
        name, text = Path(path).name, page(path)
        title = re.match(r"# (\d+)\. (.+)\n", text)
        assert title and int(title[1]) == int(name[:4])
        assert f"| {title[1]} | [{title[2]}]({name}) |" in index or f"]({name})" in index
        parts = [text.find(f"\n## {part}\n") for part in ("Status", "Context", "Decision", "Consequences")]
        assert -1 not in parts and parts == sorted(parts), name


def test_every_runbook_is_indexed() -> None:
    index = page("docs/operations/README.md")
    names = [Path(path).name for path in OPERATIONS if not path.endswith("README.md")]
    assert [name for name in names if f"]({name})" not in index] == []


@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere(path: str) -> None:
    for target, anchor in LINK.findall(page(path)):
        if "://" in target or (path.endswith("template.md") and "M-" in target):
            continue
        found = (ROOT / path).parent / target if target else ROOT / path
        assert found.exists(), f"{path}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings]


@pytest.mark.parametrize("path", PAGES)
def test_files_that_pages_name_are_there(path: str) -> None:
    named = re.findall(
        r"`((?:jobs|state|udfs|connectors|cli|stack|scripts|tests|docs|flink-conf)/[\w./-]+)`", page(path)
    )
    levels = {f"tests/{level.name}/" for level in LEVELS}  # test_every_level_of_tests_is_explained
    assert [name for name in named if name not in levels and not (ROOT / name).exists()] == []


def test_no_file_knows_a_machine_or_a_registry() -> None:
    odd = []
    for path in tracked():
        text = (ROOT / path).read_bytes().decode("utf-8", "replace")
        odd += [
            f"{path}: {host}" for host in ADDRESS.findall(text) if not KNOWN_HOSTS.fullmatch(host.rstrip("."))
        ]
        odd += [f"{path}: {found}" for found in MACHINE_PATH.findall(text)]
    assert odd == []


def where_is() -> list[tuple[str, str, list[str]]]:
    """(question, path, names) of each row of "Where is …" in CONTRIBUTING.md."""
    section = page("CONTRIBUTING.md").partition("## Where is …")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    return [(asked, path.strip("`"), re.findall(r"`([A-Za-z_]+)`", names)) for asked, path, names in cells]


def test_seven_questions_are_answered() -> None:
    assert len(where_is()) == 7


@pytest.mark.parametrize(
    ("path", "names"), [row[1:] for row in where_is()], ids=[row[0] for row in where_is()]
)
def test_what_is_asked_for_is_where_the_page_says(path: str, names: list[str]) -> None:
    nodes = list(ast.walk(ast.parse(page(path))))
    functions = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    targets = {ast.unparse(node) for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store)}
    used = {getattr(node, "id", None) or getattr(node, "attr", None) for node in nodes}
    # The first one is made here: a file that only uses it is no answer.
    assert names[0] in functions | targets and set(names) <= functions | targets | used
