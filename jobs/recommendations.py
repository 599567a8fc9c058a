"""RECOMMENDATIONS: valid events -> what goes with each item, and the items of each visitor, in Elasticsearch.

A job of its own beside the suite (which writes valid events to their topic where `valid_events` is on) or
behind ingest. Two keyed operators: PAIRS by visitor, ITEMS with one key for all items.
"""

from __future__ import annotations

import sys

from pyflink.table import StreamTableEnvironment

from connectors.contracts import topics
from connectors.elasticsearch.ends import ElasticsearchEnds
from jobs import ends, index, read
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.statements import statement
from jobs.wiring import VALUES, Inserts, add_view, add_views, environment, hosted, values
from state.items.options import ItemOptions
from udfs.logics import MakeItems, MakePairs

READS = ("messages", "erasure_orders")
VIEWS = (
    "slices/valid_with_bucket",
    "slices/valid_on_time",
    "slices/valid_slices",
    "items/pair_inputs",
    "items/sighted",
    "items/sighted_on_time",
    "items/item_slices",
    "items/item_inputs",
)
_PAIRS, _ITEMS = VIEWS[:4], VIEWS[4:]


def build(env: StreamTableEnvironment, settings: Settings) -> None:
    """Adds both operators over `messages` and `erasure_orders`; makes `documents`."""
    options = ItemOptions.of(settings)
    add_views(env, _PAIRS, settings)
    hosted(env, "pairs", "pair_inputs", VALUES, MakePairs(options), settings)
    add_views(env, _ITEMS, settings)
    few = settings.replace(visitors_in_memory=settings.items_in_memory)
    hosted(env, "items", "item_inputs", VALUES, MakeItems(options), few)
    add_view(env, "documents", statement("items/item_or_visitor", values(settings)))


def write(
    env: StreamTableEnvironment, elasticsearch: ElasticsearchEnds, kafka: KafkaTables, settings: Settings
) -> None:
    """Documents into the index; submits the job."""
    index.build(env, elasticsearch, settings)
    inserts = Inserts(env)
    index.write(inserts, kafka)
    inserts.submit()


def main(argv: list[str]) -> None:
    """Runs the job: valid events and orders to erase from their topics."""
    settings = settings_from(argv)
    env, kafka = environment("recommendations", settings), ends.kafka("recommendations", settings)
    # Who writes valid events does so bucket by bucket: in their topic they are out of order by a slice more.
    apart = settings.replace(out_of_orderness_ms=settings.out_of_orderness_ms + settings.slice_ms)
    env.create_temporary_table("messages", read.source(kafka, topics.EVENTS_VALID, apart))
    orders = kafka.document_source(topics.ERASURE_ORDERS, holds_time=False)
    env.create_temporary_table("erasure_orders", orders)
    build(env, settings)
    write(env, ends.elasticsearch(settings), kafka, settings)


if __name__ == "__main__":
    main(sys.argv[1:])
