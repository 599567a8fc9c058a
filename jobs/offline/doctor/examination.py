"""One look at everything; what does not answer is a finding like any other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests
from elastic_transport import TransportError
from elasticsearch import ApiError

from connectors.errors import BrokerUnavailable, FlinkRequestFailed
from connectors.flink.observed import ObservedFlink
from connectors.wording import plainly
from jobs import ends
from jobs.offline.doctor import flink, index, kafka, looking_at_flink, looking_at_kafka
from jobs.offline.doctor.causes import Finding, by_harm
from jobs.settings import Settings
from jobs.wiring import VERSION

_PATIENCE_MS = 60_000  # event time may be so much further behind than the out-of-orderness bound
_FIXED = ("buckets",)  # settings that a job keeps for life


@dataclass
class Facts:
    """What each server says; of one that does not answer, the finding that it does not."""

    kafka: kafka.Traffic | Finding
    flink: flink.Cluster | Finding
    index: index.Indices | Finding


def examine(rest_url: str, settings: Settings) -> list[Finding]:
    """What is wrong with the installation, the most harmful first; empty when nothing is."""
    return judge(look(rest_url, settings), settings)


def look(rest_url: str, settings: Settings) -> Facts:
    """The facts of all three, which are asked side by side."""
    with ThreadPoolExecutor(3, "look") as pool:
        of_kafka = pool.submit(_kafka, settings)
        of_flink = pool.submit(_flink, rest_url)
        of_index = pool.submit(_index, settings)
        return Facts(of_kafka.result(), of_flink.result(), of_index.result())


def judge(facts: Facts, settings: Settings) -> list[Finding]:
    """What is wrong of them, the most harmful first."""
    traffic, cluster, indices = facts.kafka, facts.flink, facts.index
    findings: list[Finding] = []
    findings += [traffic] if isinstance(traffic, Finding) else kafka.judge(traffic)
    findings += [indices] if isinstance(indices, Finding) else index.judge(indices)
    findings += [cluster] if isinstance(cluster, Finding) else _of_cluster(cluster, settings, traffic)
    return by_harm(findings)


def _of_cluster(
    cluster: flink.Cluster, settings: Settings, traffic: kafka.Traffic | Finding
) -> Iterator[Finding]:
    fixed = {name: str(getattr(settings, name)) for name in _FIXED}
    yield from flink.judge(cluster, VERSION, fixed)
    comes_in = not isinstance(traffic, Finding) and traffic.comes_in()
    patience_ms = settings.out_of_orderness_ms + _PATIENCE_MS
    for job in cluster.jobs:
        yield from flink.held_back(job, cluster.now_ms, patience_ms, comes_in)


def _kafka(settings: Settings) -> kafka.Traffic | Finding:
    try:
        properties = ends.kafka("doctor", settings).client_properties()
        return looking_at_kafka.look(properties, settings.kafka_group_id)
    except BrokerUnavailable as error:
        return Finding("kafka_unreachable", settings.kafka_bootstrap_servers, error.message)


def _flink(rest_url: str) -> flink.Cluster | Finding:
    try:
        return looking_at_flink.look(ObservedFlink(rest_url))
    except (requests.RequestException, FlinkRequestFailed) as error:
        return Finding("flink_unreachable", rest_url, plainly(error))


def _index(settings: Settings) -> index.Indices | Finding:
    try:
        return index.look(ends.elasticsearch(settings).client())
    except (ApiError, TransportError) as error:
        return Finding("index_unreachable", settings.elasticsearch_url, plainly(error))
