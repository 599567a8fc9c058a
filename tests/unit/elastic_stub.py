"""Elasticsearch as its clients see it, on loopback: a role's rights, a register of erasures, faults on demand."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = dict[str, Any]
# What a request of the last part of its path needs, as Elasticsearch's security has it.
NEEDED = {"_search": "read", "_bulk": "write", "_doc": "write", "_refresh": "maintenance"}
EVERYTHING = {"cluster": ["all"], "indices": [{"names": ["*"], "privileges": ["all"]}]}


class Stub:
    """What the server knows and has been asked."""

    def __init__(self) -> None:
        self.role: Document = EVERYTHING
        self.register: list[Document] | None = []  # None: the index is not there
        self.faults: list[int | str] = []  # for the next searches: a status, `hang`, `part` or `junk`
        self.searches = 0
        self.bulk: list[bytes] = []  # bodies
        self.bulk_paths: list[str] = []
        self.busy: list[list[Document]] = []  # what the register holds once the next bulk request was refused
        self.denied: list[str] = []
        self.released = threading.Event()

    def allows(self, privilege: str, index: str) -> bool:
        """Whether the role has the privilege on the index."""
        for entry in self.role["indices"]:
            named = any(fnmatch.fnmatch(index, pattern) for pattern in entry["names"])
            if named and {privilege, "all"} & set(entry["privileges"]):
                return True
        return False

    def allows_on_cluster(self, privilege: str) -> bool:
        """Whether the role has the privilege on the cluster."""
        return bool({privilege, "all"} & set(self.role["cluster"]))

    def written(self) -> list[Document]:
        """The documents of all bulk requests."""
        return [json.loads(line) for body in self.bulk for line in body.splitlines()[1::2]]


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def log_message(self, *words: object) -> None:
        """Says nothing."""

    def _asked(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0].strip("/").split("/")
        if self._is_denied(path, body):
            self.stub.denied.append(self.path)
            return self._answer(403, {"error": {"type": "security_exception", "reason": "no"}})
        if path[-1] == "_bulk":
            return self._bulk(body)
        if path[-1] == "_search":
            return self._search(path[0], json.loads(body))
        exists = self.command == "HEAD" and path[0] != "_alias"
        return self._answer(200 if exists or self.command != "HEAD" else 404, {"acknowledged": True})

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _asked  # noqa: N815

    def _is_denied(self, path: list[str], body: bytes) -> bool:
        if path[0] == "_index_template":
            return not self.stub.allows_on_cluster("manage_index_templates")
        if path[0] in ("_bulk", "_aliases", "_alias"):
            indices, privilege = _named(path, body), "write" if path[0] == "_bulk" else "manage"
        else:
            part = next((part for part in path[1:] if part in NEEDED), "")
            indices, privilege = path[0].split(","), NEEDED.get(part, "manage")
        refreshes = "refresh=true" in self.path and not all(
            self.stub.allows("maintenance", index) for index in indices
        )
        return refreshes or not all(self.stub.allows(privilege, index) for index in indices)

    def _bulk(self, body: bytes) -> None:
        if self.stub.busy:
            self.stub.register = self.stub.busy.pop(0)
            return self._answer(429, {"error": {"type": "busy", "reason": "by the test"}})
        self.stub.bulk.append(body)
        self.stub.bulk_paths.append(self.path)
        count = len(body.splitlines()) // 2
        return self._answer(200, {"errors": False, "items": [{"index": {"status": 201}}] * count})

    def _search(self, index: str, query: Document) -> None:
        self.stub.searches += 1
        fault = self.stub.faults.pop(0) if self.stub.faults else None
        if fault == "hang":
            self.stub.released.wait(10)
        elif fault == "junk":
            return self._answer(200, {"hits": {"hits": [{"_source": {"erased_id": "x"}, "sort": [1]}]}})
        elif fault == "part":
            return self._answer(200, {"timed_out": True, "hits": {"hits": []}})
        elif isinstance(fault, int):
            return self._answer(fault, {"error": {"type": "asked_for", "reason": "by the test"}})
        if self.stub.register is None and "erasures" in index:
            return self._answer(404, {"error": {"type": "index_not_found_exception", "reason": index}})
        found = (self.stub.register or []) if "erasures" in index else []
        hits = [{"_index": index, "_id": "x", "_source": one, "sort": [0]} for one in found]
        return self._answer(200, {"timed_out": False, "hits": {"hits": hits}})

    def _answer(self, status: int, document: Document) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-elastic-product", "Elasticsearch")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _named(path: list[str], body: bytes) -> list[str]:
    if path[0] == "_alias":
        return [path[1]]
    if path[0] == "_aliases":
        return [next(iter(action.values()))["index"] for action in json.loads(body)["actions"]]
    found, lines = [], iter(body.splitlines())
    for line in lines:
        (verb, target), *_ = json.loads(line).items()
        found.append(target["_index"])
        if verb != "delete":
            next(lines)
    return found


@contextmanager
def elasticsearch() -> Iterator[tuple[str, Stub]]:
    """A running server: its address, and what it knows."""
    stub = Stub()
    handler = type("Handler", (_Handler,), {"stub": stub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", stub
    finally:
        stub.released.set()
        server.shutdown()
        server.server_close()
