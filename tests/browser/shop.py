"""A shop on loopback: pages, a collector that records batches and can fail, a stream of slots."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from stack.package import ROOT

DEADLINE_S = 20.0
DIST = ROOT / "web" / "dist"
TYPES = {"js": "text/javascript", "html": "text/html; charset=utf-8"}
TOKEN = "t-1"
TRACKED = '<script async src="/t.js" data-consent="granted"></script>'


@dataclass(frozen=True)
class Post:
    """One request to the collector."""

    batch: dict[str, Any]
    beacon: bool
    status: int  # 0: no answer
    at: float  # monotonic seconds

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its events."""
        return list(self.batch["events"])


@dataclass
class Site:
    """What the server answers, and what it has seen.

    Attributes:
        pages: HTML by path.
        answer: status of the collector; 0 closes the connection, None keeps the request until `release`.
        retry_after: seconds that go with 503.
        posts: requests to the collector, in the order in which they were answered.
        streams: connections that were taken, also those that are closed.
        asked: paths of the API that were asked, in order.
        refuse_streams: so many connections get 503.
        decides: whether decisions are to be had, or 503.
        signals: newest state of the visitor's signals, by id.
        contents: by slot the kind of signal that calls, and the fields.
    """

    pages: dict[str, str] = field(default_factory=dict)
    answer: int | None = 204
    retry_after: str | None = None
    posts: list[Post] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refuse_streams: int = 0
    decides: bool = True
    signals: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    port: int = 0

    def url(self, path: str = "/") -> str:
        """Address of a page."""
        return f"http://127.0.0.1:{self.port}{path}"

    def wait(self, is_so: Callable[[], Any], what: str = "") -> Any:
        """What `is_so` gives once it is true; fails at the deadline with what was seen."""
        with self.changed:
            if not self.changed.wait_for(is_so, DEADLINE_S):
                seen = [(post.status, post.beacon, self.names([post])) for post in self.posts]
                raise AssertionError(f"not within {DEADLINE_S} s: {what}; posts {seen}; asked {self.asked}")
            return is_so()

    def posted(self) -> list[Post]:
        """The requests that were answered with 204."""
        return [post for post in self.posts if post.status == 204]

    def events(self, posts: list[Post] | None = None) -> list[dict[str, Any]]:
        """Events that were acknowledged, the first of each id, as ingest takes them."""
        rows = [event for post in (self.posted() if posts is None else posts) for event in post.events]
        return list({row["event_id"]: row for row in reversed(rows)}.values())[::-1]

    def names(self, posts: list[Post] | None = None) -> list[str]:
        """Names of these events."""
        return [event["name"] for event in self.events(posts)]

    def wait_for(self, *names: str) -> list[dict[str, Any]]:
        """The events, once events of all these names were acknowledged."""
        self.wait(lambda: set(names) <= set(self.names()), f"events {names}")
        return self.events()

    def signal(
        self, signal_id: str, kind: str, status: str = "active", version: int = 1, lives_s: float = 3_600
    ) -> None:
        """A signal has changed: the API knows, and tells its open streams."""
        expires_ms = int((time.time() + lives_s) * 1000)
        row = {
            "signal_id": signal_id,
            "kind": kind,
            "status": status,
            "version": version,
            "expires_at_ms": expires_ms,
        }
        self.signals[signal_id] = row
        for stream in self.streams:
            stream.send("signal", row, f"{signal_id}:{version}")

    def live(self) -> list[dict[str, Any]]:
        """Signals that are so now."""
        return [
            one
            for one in self.signals.values()
            if one["status"] == "active" and one["expires_at_ms"] > time.time() * 1000
        ]

    def decided(self, slot: str) -> dict[str, Any]:
        """What is shown in a slot now."""
        kind, fields = self.contents.get(slot, ("", {}))
        called = [one for one in self.live() if one["kind"] == kind]
        if not called:
            return {"slot": slot, "reason": "default"}
        because = {"signal_id": called[0]["signal_id"], "kind": kind}
        return {
            "slot": slot,
            "reason": "signal",
            "content": f"{slot}_content",
            "fields": fields,
            "because": because,
        }

    def change(self, **changes: Any) -> None:
        """Other answers from now on; requests that were kept waiting get them."""
        with self.changed:
            for name, value in changes.items():
                setattr(self, name, value)
            self.changed.notify_all()


@dataclass
class Stream:
    """One open stream.

    Attributes:
        last_event_id: what the browser said it knew.
        lines: what is still to be written.
        is_open: until one of both ends it.
    """

    site: Site
    last_event_id: str | None
    lines: list[str] = field(default_factory=list)
    is_open: bool = True

    def send(self, kind: str, data: Any, event_id: str | None = None) -> None:
        """Queues one event of the stream."""
        head = f"id: {event_id}\n" if event_id else ""
        with self.site.changed:
            self.lines.append(f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n")
            self.site.changed.notify_all()

    def end(self) -> None:
        """The server hangs up."""
        with self.site.changed:
            self.is_open = False
            self.site.changed.notify_all()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection of a browser's."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v1/stream":
            return self.stream()
        file = DIST / path.lstrip("/")
        if path.endswith(".js") and file.is_file():
            return self.reply(200, file.read_bytes(), TYPES["js"])
        body = self.server.site.pages.get(path)
        return self.reply(200 if body else 404, (body or "").encode(), TYPES["html"])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        site, path = self.server.site, urlsplit(self.path).path
        if path == "/c":
            self.collect(body)
            return
        with site.changed:
            site.asked.append(path)
            site.changed.notify_all()
        if path == "/v1/tokens":
            self.reply_json(
                {"token": TOKEN, "visitor_id": "d-1", "expires_at_ms": int(time.time() * 1000) + 600_000}
            )
        elif self.headers["Authorization"] != f"Bearer {TOKEN}" or not site.decides:
            self.reply(401 if site.decides else 503, b"", "text/plain")
        else:
            slots = [site.decided(slot) for slot in body["slots"]]
            self.reply_json({"decided_at_ms": int(time.time() * 1000), "slots": slots})

    def collect(self, batch: dict[str, Any]) -> None:
        site = self.server.site
        with site.changed:
            site.changed.wait_for(lambda: site.answer is not None, DEADLINE_S)
            status = site.answer or 0
            is_beacon = self.headers["Sec-Fetch-Mode"] == "no-cors"
            site.posts.append(Post(batch, is_beacon, status, time.monotonic()))
            site.changed.notify_all()
        if status == 0:
            self.close_connection = True
            return
        headers = {"Retry-After": site.retry_after} if status == 503 and site.retry_after else {}
        self.reply(status, b"", "text/plain", headers)

    def reply_json(self, document: dict[str, Any]) -> None:
        self.reply(200, json.dumps(document).encode(), "application/json")

    def reply(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-cache", **(more or {})}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        site = self.server.site
        with site.changed:
            site.asked.append("/v1/stream")
            refused = site.refuse_streams > 0
            site.refuse_streams -= refused
            site.changed.notify_all()
        if refused or self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.reply(503 if refused else 401, b"", "text/plain")
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.feed(Stream(site, self.headers["Last-Event-ID"], ["retry: 50\n\n"]))

    def feed(self, stream: Stream) -> None:
        site = self.server.site
        with site.changed:
            stream.send("snapshot", {"visitor_id": "d-1", "signals": site.live()}, "snapshot:1")
            site.streams.append(stream)
        with suppress(OSError):  # the browser hung up
            while stream.is_open:
                with site.changed:
                    site.changed.wait_for(lambda: stream.lines or not stream.is_open, 0.2)
                    lines, stream.lines = stream.lines, []
                self.wfile.write("".join([": ping\n\n", *lines]).encode())
        stream.end()

    def handle(self) -> None:
        with suppress(ConnectionError):  # the browser went away
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Server(ThreadingHTTPServer):
    """Ends with its test, whatever still waits."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.site = site


def serve(site: Site) -> Server:
    """Starts to serve it on a free port of loopback."""
    server = Server(site)
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
