"""How Elasticsearch is reached: a client from settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic_transport.client_utils import DEFAULT
from elasticsearch import Elasticsearch
from elasticsearch.serializer import NdjsonSerializer

from connectors.errors import SettingError
from connectors.wording import plainly


class _Lines(NdjsonSerializer):
    """Sends a body that is made already as it is; the client would copy it line by line."""

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else super().dumps(data)


@dataclass(frozen=True)
class ElasticsearchEnds:
    """How to reach Elasticsearch; the API key itself is read where it is used, from a file or environment.

    Attributes:
        url: nodes, comma separated.
        api_key_file: file that holds the API key; empty reads FOOTFALL_ELASTICSEARCH_API_KEY.
        ca_file: certificate authority of an https cluster; empty trusts the system's.
        timeout_ms: longest wait for one request.
        retry_ms: how long a batch is retried before IndexUnavailable.
    """

    url: str
    api_key_file: str = ""
    ca_file: str = ""
    timeout_ms: int = 30_000
    retry_ms: int = 240_000

    def client(self) -> Elasticsearch:
        """A client without retries of its own: the writer decides per document."""
        return Elasticsearch(
            self.url.split(","),
            api_key=self._api_key() or None,
            ca_certs=self.ca_file or DEFAULT,
            request_timeout=self.timeout_ms / 1000,
            max_retries=0,
            serializers={_Lines.mimetype: _Lines()},
            retry_on_timeout=False,
        )

    def _api_key(self) -> str:
        if not self.api_key_file:
            return os.environ.get("FOOTFALL_ELASTICSEARCH_API_KEY", "")
        try:
            return Path(self.api_key_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(
                f"elasticsearch_api_key_file {self.api_key_file} cannot be read: {plainly(error)}"
            ) from error
