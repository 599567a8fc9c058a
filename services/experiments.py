"""Experiments in force, and their exposures: written and acknowledged at the time of the decision."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from connectors.contracts import topics
from connectors.contracts.experiments import Experiments, refrozen
from connectors.contracts.exposures import Exposure
from connectors.errors import BadInput, BrokerUnavailable
from connectors.files import experiments
from services.content.deciding import Answer, exposed
from services.following import FollowedFolder
from services.records import Record, Writer

_JSON = msgspec.json.Encoder()
_Known = tuple[str, str, int]  # unit, experiment, version


class ExperimentsFolder(FollowedFolder[Experiments]):
    """Follows a folder of experiments; refuses another plan for a version that runs."""

    def __init__(self, folder: str = "", poll_ms: int = 2_000) -> None:
        """Reads the folder for the first time; without one there are no experiments.

        Raises:
            BadInput: it is wrong.
        """
        path = Path(folder) if folder else None
        super().__init__("experiments", path, poll_ms, lambda: experiments.load(folder))

    def _checked(self, loaded: Experiments) -> Experiments:
        if problems := refrozen(loaded, self.current):
            raise BadInput("\n".join(problems), "give the changed experiment a new version")
        return loaded


class Exposures:
    """Writes what decisions hung on; what is acknowledged for a unit once is not written again."""

    def __init__(self, broker: Writer, running: Callable[[], Experiments], remembered: int = 100_000) -> None:
        """Says where to.

        Args:
            broker: takes the records.
            running: the experiments in force.
            remembered: acknowledged exposures that are remembered, the newest ones.
        """
        self._broker, self._running, self._remembered = broker, running, remembered
        self._known: OrderedDict[_Known, None] = OrderedDict()

    async def acknowledged(
        self,
        answers: Sequence[Answer],
        unit: str,
        visitor_id: str,
        at_ms: int,
        content_version: str,
        wait_s: float,
    ) -> bool:
        """Whether all exposures of the answers are acknowledged in time; late ones may still arrive."""
        found = list(self._new(answers, unit, visitor_id, at_ms, content_version))
        if not found:
            return True
        records = [
            Record(topics.EXPOSURES.name, visitor_id.encode(), _JSON.encode(one.to_document()))
            for one in found
        ]
        task = asyncio.create_task(self._send(records, found))
        done, _ = await asyncio.wait([task], timeout=max(0.0, wait_s))
        return bool(done) and task.result()

    async def _send(self, records: list[Record], found: list[Exposure]) -> bool:
        try:
            await self._broker.send(records)
        except BrokerUnavailable:
            return False
        for one in found:
            self._known[(one.unit, one.experiment, one.version)] = None
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return True

    def _new(
        self, answers: Sequence[Answer], unit: str, visitor_id: str, at_ms: int, content_version: str
    ) -> Iterator[Exposure]:
        running, seen = self._running(), set()
        for answer in answers:
            for name, arm in exposed(answer).items():
                version = running.version_of(name)
                key = (unit, name, version or 0)
                if version is None or key in self._known or name in seen:
                    continue
                seen.add(name)
                yield Exposure(
                    experiment=name,
                    version=version,
                    plan=running.plan_of(name),
                    arm=arm,
                    unit=unit,
                    visitor_id=visitor_id,
                    exposed_at_ms=at_ms,
                    slot=answer.slot,
                    content=answer.content,
                    content_version=content_version,
                )
