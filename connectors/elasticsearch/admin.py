"""Creates the indices and aliases that the jobs write to. Idempotent."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from connectors.elasticsearch.indices import INDICES, Index, cut_over, index_template


def create_indices(client: Elasticsearch, replicas: int = 1, refresh_ms: int = 1_000) -> None:
    """Puts every index template and creates the indices that have no alias yet.

    Raises:
        elasticsearch.ApiError: Elasticsearch refuses; its message names the reason.
    """
    for index in INDICES:
        body = index_template(index, replicas=replicas, refresh_ms=refresh_ms)
        client.indices.put_index_template(name=index.name, **body)
        if client.indices.exists_alias(name=index.alias):
            _add_fields(client, index)
            continue
        client.options(ignore_status=400).indices.create(index=index.name)
        client.indices.update_aliases(actions=cut_over(index)["actions"])


def _add_fields(client: Elasticsearch, index: Index) -> None:
    """Gives an index of the same version the fields that a release has added to its mapping."""
    for name, found in client.indices.get_mapping(index=index.alias).body.items():
        if found["mappings"].get("_meta", {}).get("version") == index.version:
            client.indices.put_mapping(index=name, properties=index.properties)


def drop_indices(client: Elasticsearch) -> None:
    """Deletes Footfall's indices with all they hold; for tests and throw-away stacks only."""
    # A changed rule has put another index behind the alias, see jobs/offline/rules/change.py.
    mine = ",".join(f"{index.name}*" for index in INDICES)
    found = client.indices.get(index=mine, expand_wildcards="all", allow_no_indices=True)
    if found.body:
        client.indices.delete(index=list(found.body))
