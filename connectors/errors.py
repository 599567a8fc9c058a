"""Footfall's exceptions: one small tree; each class has the operator's action and a command's exit status.

FootfallError           connectors/contracts/errors.py, with those that the engine raises
├── BadInput            a file, a name: nothing can be made of it
│   ├── BadRule         a rule or a pack of rules
│   └── BadContent      services/content/loading.py: a file of what pages show
├── StateTooNew         a newer release wrote the state
├── EngineDefect        a defect of ours, with the source position of the event
├── SettingError        a setting is unknown or does not fit
├── ModelRefused        a model version is not what it must be
├── EndUnavailable      an outside system does not answer
│   ├── BrokerUnavailable
│   ├── IndexUnavailable
│   └── FlinkRequestFailed
└── StackError          stack/errors.py: a part of the embedded stack has failed

A message says where, what was required and what came, in plain words (connectors/wording.py for those of a
library); it names no class and no number of the operating system.
"""

from __future__ import annotations

from connectors.contracts.errors import FAILED as FAILED
from connectors.contracts.errors import INPUT as INPUT
from connectors.contracts.errors import BadInput as BadInput
from connectors.contracts.errors import BadRule as BadRule
from connectors.contracts.errors import EngineDefect as EngineDefect
from connectors.contracts.errors import FootfallError as FootfallError
from connectors.contracts.errors import StateTooNew as StateTooNew
from connectors.contracts.errors import plain_os as plain_os


class SettingError(FootfallError, action="correct the setting that is named", status=INPUT):
    """A setting is unknown or does not fit."""


class ModelRefused(FootfallError, action="promote another version, or publish this one again", status=INPUT):
    """A model version is not what it must be."""


class EndUnavailable(FootfallError, action="bring it back; a job goes on by itself", status=FAILED):
    """An outside system does not answer."""


class BrokerUnavailable(
    EndUnavailable, action="check kafka_bootstrap_servers and the broker's log", status=FAILED
):
    """Kafka does not answer."""


class IndexUnavailable(
    EndUnavailable,
    action="check elasticsearch_url, the key's rights, disk space and index blocks",
    status=FAILED,
):
    """Elasticsearch does not answer, or refuses."""


class FlinkRequestFailed(EndUnavailable, action="read the job's exceptions and Flink's log", status=FAILED):
    """Flink does not answer or refuses, or a job ended in another state than required."""
