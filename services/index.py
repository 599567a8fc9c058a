"""Elasticsearch as the API reads it: documents by ids, never a search. One that is away costs one wait."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from elastic_transport import TransportError
from elastic_transport.client_utils import DEFAULT
from elasticsearch import ApiError, AsyncElasticsearch

from connectors.elasticsearch import indices
from connectors.errors import IndexUnavailable, SettingError
from connectors.wording import plainly

Document = dict[str, Any]
_AWAY_FOR_S = 1.0  # so long after a failure no request waits for it
_LATE = 5  # so many in a row that came too late are a failure
_PROFILE = ("segment", "scores", "first_seen_ms", "last_seen_ms", "context")
_ITEM = ("item_id", "category", "price", "currency", "available")
_LONGEST_ID = 512  # bytes; no document has a longer one


class Index(Protocol):
    """Documents by id."""

    async def visitor(self, visitor_id: str, *, features: bool = False) -> Document | None:
        """The visitor's document.

        Raises:
            IndexUnavailable: Elasticsearch does not answer.
        """

    async def signals(self, signal_ids: Sequence[str]) -> dict[str, Document]:
        """Whole signals by their ids; those that are not there are left out.

        Raises:
            IndexUnavailable: Elasticsearch does not answer.
        """

    async def item(self, item_id: str) -> Document | None:
        """The item's document.

        Raises:
            IndexUnavailable: Elasticsearch does not answer.
        """

    async def items(self, item_ids: Sequence[str], *, related: bool = False) -> dict[str, Document]:
        """Documents of items by their ids, with what goes with them where asked for; those there are.

        Raises:
            IndexUnavailable: Elasticsearch does not answer.
        """

    async def visitor_items(self, visitor_id: str) -> Document | None:
        """What is known of the visitor's items.

        Raises:
            IndexUnavailable: Elasticsearch does not answer.
        """

    async def popular(self, category: str | None, most: int) -> list[Document]:
        """The most popular items that are available, of all or of a category: a search.

        Raises:
            IndexUnavailable: Elasticsearch does not answer.
        """

    async def close(self) -> None:
        """Closes connections."""


class ElasticIndex:
    """The real one."""

    def __init__(self, url: str, api_key_file: str = "", ca_file: str = "", timeout_ms: int = 2_000) -> None:
        """Says where; connects with the first question.

        Raises:
            SettingError: the key's file cannot be read.
        """
        self._client = AsyncElasticsearch(
            url.split(","),
            api_key=_api_key(api_key_file) or None,
            request_timeout=timeout_ms / 1000,
            max_retries=0,
            retry_on_timeout=False,
            ca_certs=ca_file or DEFAULT,
        )
        self._away_until = 0.0
        self._late = 0

    async def visitor(self, visitor_id: str, *, features: bool = False) -> Document | None:
        """The visitor's document, its features where they are asked for."""
        wanted = (*_PROFILE, "features") if features else _PROFILE
        return await self._get(indices.VISITORS.alias, visitor_id, wanted)

    async def signals(self, signal_ids: Sequence[str]) -> dict[str, Document]:
        """Whole signals by their ids."""
        if not signal_ids:
            return {}
        body = await self._asked(self._client.mget, index=indices.SIGNALS.alias, ids=list(signal_ids))
        return {one["_id"]: one["_source"] for one in body["docs"] if one.get("found")}

    async def item(self, item_id: str) -> Document | None:
        """The item's document."""
        return await self._get(indices.ITEMS.alias, item_id, None)

    async def items(self, item_ids: Sequence[str], *, related: bool = False) -> dict[str, Document]:
        """Documents of items by their ids."""
        wanted = [one for one in item_ids if _may_be(one)]
        if not wanted:
            return {}
        members = (*_ITEM, "related") if related else _ITEM
        body = await self._asked(
            self._client.mget, index=indices.ITEMS.alias, ids=wanted, source_includes=members
        )
        return {one["_id"]: one["_source"] for one in body["docs"] if one.get("found")}

    async def visitor_items(self, visitor_id: str) -> Document | None:
        """What is known of the visitor's items."""
        return await self._get(indices.VISITOR_ITEMS.alias, visitor_id, None)

    async def popular(self, category: str | None, most: int) -> list[Document]:
        """The most popular items that are available."""
        terms: list[Document] = [{"term": {"available": True}}]
        terms += [] if category is None else [{"term": {"category": category}}]
        body = await self._asked(
            self._client.search,
            index=indices.ITEMS.alias,
            query={"bool": {"filter": terms}},
            sort=[{"popularity": "desc"}, {"item_id": "asc"}],
            size=most,
            source_includes=_ITEM,
        )
        return [hit["_source"] for hit in body.get("hits", {}).get("hits", ())]

    async def close(self) -> None:
        """Closes connections."""
        await self._client.close()

    async def _get(self, alias: str, name: str, wanted: tuple[str, ...] | None) -> Document | None:
        if not _may_be(name):
            return None
        body = await self._asked(self._client.get, index=alias, id=name, source_includes=wanted)
        return body["_source"] if body.get("found") else None

    async def _asked(self, call: Any, **arguments: Any) -> Any:
        if time.monotonic() < self._away_until:
            raise IndexUnavailable("Elasticsearch did not answer a moment ago")
        try:
            answer = await call(**arguments)
        except asyncio.CancelledError:  # the request's deadline has passed
            self._late += 1
            if self._late >= _LATE:
                self._failed(TimeoutError())
            raise
        except ApiError as error:
            if error.meta.status == 404:
                return {"found": False, "docs": []}
            raise self._failed(error) from error
        except TransportError as error:
            raise self._failed(error) from error
        self._late = 0
        return answer.body

    def _failed(self, error: Exception) -> IndexUnavailable:
        """For a moment no request waits for it; then one tries again."""
        self._late, self._away_until = 0, time.monotonic() + _AWAY_FOR_S
        return IndexUnavailable(f"Elasticsearch does not answer: {plainly(error)}")


def _may_be(name: str) -> bool:
    """Whether a document may have this id."""
    return 0 < len(name.encode("utf-8", "replace")) <= _LONGEST_ID


def _api_key(file: str) -> str:
    if not file:
        return os.environ.get("FOOTFALL_ELASTICSEARCH_API_KEY", "")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"elasticsearch_api_key_file {file} cannot be read: {plainly(error)}") from error
