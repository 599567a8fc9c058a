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
    """

    pages: dict[str, str] = field(default_factory=dict)
    answer: int | None = 204
    retry_after: str | None = None
    posts: list[Post] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    opened: int = 0
    refuse_streams: int = 0
    snapshot: dict[str, Any] = field(default_factory=dict)
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
                raise AssertionError(
                    f"not within {DEADLINE_S} s: {what}; posts {seen}, {self.opened} streams"
                )
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
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.site.changed:
            self.server.site.changed.wait_for(lambda: self.server.site.answer is not None, DEADLINE_S)
            status = self.server.site.answer or 0
            is_beacon = self.headers["Sec-Fetch-Mode"] == "no-cors"
            self.server.site.posts.append(Post(json.loads(body), is_beacon, status, time.monotonic()))
            self.server.site.changed.notify_all()
        if status == 0:
            self.close_connection = True
            return
        headers = (
            {"Retry-After": self.server.site.retry_after}
            if status == 503 and self.server.site.retry_after
            else {}
        )
        self.reply(status, b"", "text/plain", headers)

    def reply(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **(more or {})}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        with self.server.site.changed:
            self.server.site.opened += 1
            self.server.site.changed.notify_all()
            refused = self.server.site.refuse_streams > 0
            self.server.site.refuse_streams -= refused
        if refused:
            self.reply(503, b"", "text/plain", {"Retry-After": "0"})
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.feed(Stream(self.server.site, self.headers["Last-Event-ID"]))

    def feed(self, stream: Stream) -> None:
        stream.send("snapshot", self.server.site.snapshot)
        with self.server.site.changed:
            self.server.site.streams.append(stream)
            self.server.site.changed.notify_all()
        try:
            while stream.is_open:
                with self.server.site.changed:
                    self.server.site.changed.wait_for(lambda: stream.lines or not stream.is_open, 0.5)
                    lines, stream.lines = stream.lines, []
                self.wfile.write("".join([": ping\n\n", *lines]).encode())
                self.wfile.flush()
        except OSError:
            pass
        with self.server.site.changed:
            stream.is_open = False
            self.server.site.changed.notify_all()

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
