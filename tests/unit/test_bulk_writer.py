"""Bulk requests: each document has its own answer, and only what can succeed is sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from elastic_transport import ApiResponseMeta, ConnectionTimeout, HttpHeaders, NodeConfig
from elastic_transport import ConnectionError as TransportError
from elasticsearch import ApiError

from connectors.elasticsearch.bulk import BulkWriter, Outcome, Write, bulk_body
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.errors import IndexUnavailable, SettingError

BLOCK = "cluster_block_exception: index [footfall-signals-v1] blocked by: [FORBIDDEN/8/index write (api)]"
CREATED, STALE, BUSY = 201, 409, 429


def refusal(status: int) -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 9200))
    return ApiError("no", meta, {})


class FakeClient:
    """Answers bulk requests from a script: a status or `status reason` per document, or an exception."""

    def __init__(self, *script: Sequence[int | str] | Exception) -> None:
        self._script = list(script)
        self.requests: list[list[str]] = []

    def bulk(self, operations: bytes, filter_path: Sequence[str]) -> dict[str, Any]:
        assert set(filter_path) == {"errors", "items.*.status", "items.*.error"}
        actions = [orjson.loads(line)["index"] for line in operations.splitlines()[::2]]
        assert all(action["version_type"] == "external_gte" for action in actions)
        self.requests.append([action["_id"] for action in actions])
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert len(answer) == len(actions)
        errors = any(status not in (200, 201) for status in answer)
        return {"errors": errors, "items": [{"index": item(status)} for status in answer]}


def item(answer: int | str) -> dict[str, Any]:
    status, _, reason = str(answer).partition(" ")
    kind, _, text = reason.partition(": ")
    return {"status": int(status), **({"error": {"type": kind, "reason": text}} if reason else {})}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def write(client: FakeClient, *ids: str, retry_ms: int = 60_000) -> Outcome:
    writes = [Write("footfall-signals", name, 7, "{}") for name in ids]
    return BulkWriter(client, retry_ms).write(writes)  # type: ignore[arg-type]


def test_a_batch_is_one_request_in_its_order() -> None:
    client = FakeClient([CREATED, 200, CREATED])
    assert write(client, "c", "a", "b") == Outcome(indexed=3, stale=0, retried=0, failures={})
    assert client.requests == [["c", "a", "b"]]


def test_a_newer_version_in_the_index_is_success() -> None:
    assert write(FakeClient([CREATED, STALE]), "a", "b") == Outcome(
        indexed=1, stale=1, retried=0, failures={}
    )


def test_only_the_busy_documents_are_sent_again_and_in_their_order() -> None:
    client = FakeClient([BUSY, CREATED, 503, CREATED], [BUSY, CREATED], [CREATED])
    assert write(client, "a", "b", "c", "d") == Outcome(indexed=4, stale=0, retried=3, failures={})
    assert client.requests == [["a", "b", "c", "d"], ["a", "c"], ["a"]]


@pytest.mark.parametrize(
    "lost",
    [
        TransportError("gone"),
        ConnectionTimeout("slow"),
        *(refusal(status) for status in (429, 500, 502, 503)),
    ],
)
def test_a_lost_request_is_sent_again_whole(lost: Exception) -> None:
    client = FakeClient(lost, lost, [CREATED, CREATED])
    assert write(client, "a", "b").indexed == 2
    assert client.requests == [["a", "b"]] * 3


def test_what_the_mapping_refuses_is_final_and_has_its_reason() -> None:
    client = FakeClient([CREATED, "400 strict_dynamic_mapping_exception: [colour] is not allowed", CREATED])
    outcome = write(client, "a", "b", "c")
    assert outcome.failures == {1: "400 strict_dynamic_mapping_exception: [colour] is not allowed"}
    assert outcome.indexed == 2 and len(client.requests) == 1


@pytest.mark.parametrize("answer", [f"403 {BLOCK}", "500 i_o_exception: No space left on device"])
def test_a_write_block_and_a_full_disk_are_waited_for(answer: str) -> None:
    client = FakeClient([answer], [CREATED])
    assert write(client, "a") == Outcome(indexed=1, stale=0, retried=1, failures={})


def test_missing_rights_on_a_document_are_final() -> None:
    assert write(FakeClient(["403 security_exception: no"]), "a").failures == {
        0: "403 security_exception: no"
    }


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_request_that_is_refused_as_a_whole_ends_the_batch(status: int) -> None:
    client = FakeClient(refusal(status))
    with pytest.raises(IndexUnavailable, match=f"status {status}.*elasticsearch_url"):
        write(client, "a")
    assert len(client.requests) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [(TransportError("gone"), "cannot be reached"), ([BUSY], "1 documents to send again")],
)
def test_giving_up_says_why_and_what_to_do(answer: Any, words: str) -> None:
    with pytest.raises(IndexUnavailable, match=f"{words}.*bring Elasticsearch back"):
        write(FakeClient(answer), "a", retry_ms=0)


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_that_is_refused_for_a_document_is_halved_until_it_fits(status: int) -> None:
    client = FakeClient(refusal(status), [CREATED], refusal(status), [CREATED], [STALE])
    outcome = write(client, "a", "b", "c")
    assert client.requests == [["a", "b", "c"], ["a"], ["b", "c"], ["b"], ["c"]]
    assert (outcome.indexed, outcome.stale) == (2, 1)


@pytest.mark.parametrize("status", [400, 413])
def test_the_one_document_to_blame_fails_alone(status: int) -> None:
    client = FakeClient(refusal(status), refusal(status), [CREATED])
    outcome = write(client, "a", "b")
    assert client.requests == [["a", "b"], ["a"], ["b"]]
    assert outcome.indexed == 1
    assert outcome.failures[0].startswith(f"{status} ")


def test_an_empty_batch_asks_nothing() -> None:
    client = FakeClient()
    assert write(client) == Outcome(0, 0, 0, {})
    assert client.requests == []


def test_versions_travel_with_the_documents() -> None:
    action, source = bulk_body([Write("footfall-sessions", "s", 12, '{"a":1}')]).splitlines()
    assert orjson.loads(action)["index"] == {
        "_index": "footfall-sessions",
        "_id": "s",
        "version": 12,
        "version_type": "external_gte",
    }
    assert source == b'{"a":1}'


@pytest.mark.parametrize("name", ["a", 'a"b', "a\\b", "ä", "a\nb", "\u2028"])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_write_is_two_lines_whatever_is_in_it(name: str, as_bytes: bool) -> None:
    text = orjson.dumps({"text": name}, option=orjson.OPT_INDENT_2)
    action, source, end = bulk_body([Write(name, name, 1, text if as_bytes else text.decode())]).split(b"\n")
    assert orjson.loads(action)["index"]["_id"] == orjson.loads(action)["index"]["_index"] == name
    assert orjson.loads(source) == {"text": name} and end == b""


def test_a_judge_is_asked_before_each_request() -> None:
    client, asked = FakeClient([BUSY, CREATED], [CREATED]), []

    def judge(writes: Sequence[Write]) -> set[int]:
        asked.append([write.document_id for write in writes])
        return {0} if len(asked) == 1 else set()

    writes = [Write("footfall-signals", name, 7, b"{}") for name in "abc"]
    outcome = BulkWriter(client, 60_000, judge).write(writes)  # type: ignore[arg-type]
    assert (asked, client.requests) == ([["a", "b", "c"], ["b"]], [["b", "c"], ["b"]])
    assert outcome == Outcome(indexed=2, stale=0, retried=1, failures={}, erased=1)


def test_failures_have_the_indices_of_the_batch() -> None:
    client = FakeClient([CREATED, "400 no: no"])
    writes = [Write("footfall-signals", name, 7, b"{}") for name in "abc"]
    outcome = BulkWriter(client, 60_000, lambda writes: {0}).write(writes)  # type: ignore[arg-type]
    assert outcome.failures == {2: "400 no: no"}


def test_a_batch_of_refused_writes_sends_nothing() -> None:
    client = FakeClient()
    writes = [Write("footfall-signals", "a", 7, b"{}")]
    outcome = BulkWriter(client, 60_000, lambda writes: {0}).write(writes)  # type: ignore[arg-type]
    assert outcome.erased == 1 and client.requests == []


def test_a_key_file_that_cannot_be_read_is_a_wrong_setting(tmp_path: Any) -> None:
    ends = ElasticsearchEnds("http://127.0.0.1:9200", api_key_file=str(tmp_path / "absent"))
    with pytest.raises(SettingError, match="elasticsearch_api_key_file"):
        ends.client()


def test_the_key_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_ELASTICSEARCH_API_KEY", "hush")
    ends = ElasticsearchEnds("http://127.0.0.1:9200")
    ends.client().close()
    assert "hush" not in repr(ends)
