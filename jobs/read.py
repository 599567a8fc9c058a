"""READ: messages of a topic -> for each a bucket and a time. Nothing else is looked for in a message."""

from __future__ import annotations

from pyflink.common import Types
from pyflink.table import StreamTableEnvironment, TableDescriptor

from connectors.contracts.topics import Topic
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.statements import statement
from jobs.wiring import BYTES, add_views, streamed, values

READS = ("messages",)
VIEWS = ("read/messages_with_lateness", "read/messages_on_time")
_SOURCE_POSITION = ("source_topic", "source_partition", "source_offset", "source_timestamp_ms")
_NAMES = ["bucket", "payload", *_SOURCE_POSITION, "at"]


def source(kafka: KafkaTables, topic: Topic, settings: Settings) -> TableDescriptor:
    """The topic's messages as bytes, with their event time and its watermark.

    One reader (setting `read_parallelism`): then no reader that has nothing to read lets event time pass the
    messages of another one by.
    """
    filled = values(settings)
    event_time, watermark = statement("read/event_time", filled), statement("read/watermark", filled)
    return kafka.messages_source(topic, event_time, watermark, settings.read_parallelism)


def build(env: StreamTableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `messages`.

    The planner writes an expression out wherever its name is used: ids and time would be looked for in a
    message a dozen times. Behind a stream they are columns like any other.
    """
    add_views(env, ("read/messages_read",), settings)
    kinds = [Types.INT(), BYTES, Types.STRING(), Types.INT(), Types.LONG(), Types.LONG(), Types.INSTANT()]
    streamed(env, "read", "messages_read", "messages_stamped", Types.ROW_NAMED(_NAMES, kinds))
    add_views(env, VIEWS, settings)
