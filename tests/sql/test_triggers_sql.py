"""TRIGGERS over a file of signals and orders to erase decides as its logic does without Flink."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from connectors.contracts import topics
from connectors.elasticsearch.erasures import Erasure
from jobs import triggers
from jobs.settings import Settings
from stack.package import ROOT
from state.bucket import Bucket, Counts, DictStore, taken
from state.logic import Document, Out
from state.triggers.logic import TriggersLogic
from tests import datasets
from tests.sql.engine import answered
from tests.sql.tables import Flink, collect, document_of, file_ends, messages_of

Record = tuple[str, bytes]  # key, value

EXPERIMENTS = str(ROOT / "examples" / "experiments")
SETTINGS = Settings(bounded=True, parallelism=2, experiments_dir=EXPERIMENTS)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """The signals of a real stream in order, an order to erase now and then, and what is no signal."""
    datasets.require()
    values = [orjson.dumps(one) for one in datasets.canonical_events("taobao_wide_15min")]
    signals = [one for one in answered(messages_of(values)).documents if one.kind == "signal"]
    found = []
    for index, one in enumerate(sorted(signals, key=lambda one: one.version)):
        found.append((one.key, one.body))
        if index % 50 == 0:
            order = Erasure(one.key, one.version, one.version + 60_000).to_order()
            found.append((one.key, orjson.dumps(order)))
    carts = [("capped", orjson.dumps(cart(number, signals[0].version))) for number in range(3)]
    return [*found, *carts, ("nobody", b"{}"), ("nobody", b"no signal")]


def cart(number: int, at_ms: int) -> dict[str, object]:
    """One of several abandoned carts of a visitor."""
    times = {
        "version": at_ms + number,
        "occurred_at_ms": at_ms + number,
        "expires_at_ms": at_ms + 7 * 86_400_000,
    }
    named = {
        "signal_id": f"{number:032}",
        "visitor_id": "capped",
        "kind": "cart_abandoned",
        "status": "active",
    }
    return {**named, **times, "evidence": {}}


def decided(records: list[Record]) -> Out:
    """What the logic decides, record by record."""
    table = triggers.table_of(SETTINGS)
    logic = TriggersLogic(table, experiments=triggers.experiments_of(table, SETTINGS))
    bucket, out = Bucket(0, logic, DictStore(), {}, Counts()), Out()
    for _, value in records:
        out.documents.extend(taken(bucket, [value], None, 0, late=False).documents)
    return out


@pytest.fixture(scope="module")
def documents(flink: Flink, records: list[Record]) -> list[Document]:
    env, folder = flink.environment(SETTINGS), flink.new_folder()
    ends = file_ends(folder)
    ends.fill(topics.SIGNALS, records)
    env.create_temporary_table("signal_topic", ends.document_source(topics.SIGNALS))
    triggers.build(env, triggers.table_of(SETTINGS), SETTINGS)
    rows = collect(env, {"trigger_documents": folder / "documents"})["trigger_documents"]
    return [document_of(row) for row in rows]


def test_it_decides_as_the_logic_does(documents: list[Document], records: list[Record]) -> None:
    wanted = decided(records).documents
    assert {one.kind for one in wanted} == {"trigger", "suppressed"}
    assert any(orjson.loads(one.body).get("reason") == "erased" for one in wanted)
    assert Counter(documents) == Counter(wanted)


def test_a_visitors_decisions_come_in_their_order(documents: list[Document], records: list[Record]) -> None:
    def by_visitor(found: list[Document]) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for document in found:
            if document.kind == "trigger":
                found.setdefault(document.key, []).append(document.body)
        return found

    assert by_visitor(documents) == by_visitor(decided(records).documents)
