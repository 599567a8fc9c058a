"""The newest signals of the index."""

from __future__ import annotations

from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from connectors.elasticsearch import indices
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.errors import IndexUnavailable, SettingError
from connectors.wording import plainly

Document = dict[str, Any]


def query_of(terms: dict[str, str | None], occurred_since_ms: int | None) -> Document:
    """The query; what is None does not restrict.

    >>> query_of({"kind": "cart_abandoned", "status": None}, None)
    {'bool': {'filter': [{'term': {'kind': 'cart_abandoned'}}]}}
    """
    filters: list[Document] = [{"term": {name: value}} for name, value in terms.items() if value is not None]
    if occurred_since_ms is not None:
        filters.append({"range": {"occurred_at_ms": {"gte": occurred_since_ms}}})
    return {"bool": {"filter": filters}}


def search(ends: ElasticsearchEnds, query: Document, limit: int) -> list[Document]:
    """The newest signals that match.

    Raises:
        IndexUnavailable: Elasticsearch does not answer or refuses.
        SettingError: the address is none.
    """
    try:
        return _search(ends.client(), query, limit)
    except ApiError as error:
        raise _refusal(ends.url, error) from error
    except ValueError as error:
        raise SettingError(f"elasticsearch_url {ends.url!r} is no address: {plainly(error)}") from error
    except TransportError as error:
        raise IndexUnavailable(
            f"no Elasticsearch at {ends.url}: {plainly(error)}",
            "start one (scripts/run has one) or correct --url",
        ) from error


def _search(client: Elasticsearch, query: Document, limit: int) -> list[Document]:
    answer = client.search(
        index=indices.SIGNALS.alias, query=query, size=limit, sort=[{"occurred_at_ms": "desc"}]
    )
    return [hit["_source"] for hit in answer["hits"]["hits"]]


def _refusal(url: str, error: ApiError) -> IndexUnavailable:
    refuses = f"Elasticsearch at {url} refuses"
    if error.meta.status == 404:
        return IndexUnavailable(
            f"{refuses}: there is no {indices.SIGNALS.alias}", "set up a job on it: scripts/submit --prepare"
        )
    if error.meta.status in (401, 403):
        return IndexUnavailable(
            f"{refuses}: {plainly(error)}", "check elasticsearch_api_key_file and the key's rights"
        )
    return IndexUnavailable(f"{refuses}: {plainly(error)}")
