"""Writes what a run produced to files, read back from Elasticsearch and Kafka."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

Document = dict[str, Any]


def documents(client: Elasticsearch, alias: str) -> list[Document]:
    """Every document behind the alias, written ones included that no search shows yet."""
    client.indices.refresh(index=alias)
    return [hit["_source"] for hit in scan(client, index=alias, size=5_000)]


def write_lines(path: Path, rows: Iterable[Document]) -> int:
    """Writes one JSON document a line; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def write_document(path: Path, document: Document) -> None:
    """Writes one JSON document, indented for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
