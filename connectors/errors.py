"""Footfall's exceptions: one small tree; each says what the operator should do.

FootfallError
├── SettingError        correct the setting that is named
├── BadInput            correct or replace the input that is named
├── ModelRefused        do not use the model version that is named; publish or promote another
├── StateTooNew         run the newer version that wrote the state, or start from a state of this one
├── EngineDefect        replay the event that is named with scripts/why --slice, and raise an issue
└── EndUnavailable      an outside system does not answer; bring it back, the job goes on by itself
    ├── BrokerUnavailable
    ├── IndexUnavailable
    └── FlinkRequestFailed
"""

from __future__ import annotations


class FootfallError(Exception):
    """Any failure that Footfall foresees. Operator action: read the message, it names cause and cure."""


class SettingError(FootfallError):
    """A setting is unknown or does not fit. Operator action: correct the setting that the message names."""


class BadInput(FootfallError):
    """Input that nothing can be made of. Operator action: correct or replace the file that is named."""


class ModelRefused(FootfallError):
    """A model version is not what it must be. Operator action: promote another, or publish it again."""


class StateTooNew(FootfallError):
    """A newer version wrote the state. Operator action: run that version, or restore an older savepoint."""


class EngineDefect(FootfallError):
    """The engine could not take an event or settle what was due: a defect of ours; the place is named.

    Operator action: the job restarts from its checkpoint and fails again at the same event; nothing is lost.
    Replay it apart from the job with `scripts/why --slice PLACE` and raise an issue with what that prints.
    """


class EndUnavailable(FootfallError):
    """An outside system does not answer. Operator action: bring it back; the job goes on by itself."""


class BrokerUnavailable(EndUnavailable):
    """Kafka does not answer. Operator action: check kafka_bootstrap_servers and the broker's log."""


class IndexUnavailable(EndUnavailable):
    """Elasticsearch refuses every write. Operator action: check its address, disk space and index blocks."""


class FlinkRequestFailed(EndUnavailable):
    """Flink refused, or a job ended as it should not. Operator action: see the job's exceptions in its UI."""
