"""The whole engine without Flink, over raw values. For `scripts/why`, backfills, training, tests.

It does in one process what the jobs do over many: values are cut into slices of event time, the slices go
through buckets of devices, what is judged goes through buckets of visitors, and all learn its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from state.bucket import Bucket, Counts, DictStore, Live, taken
from state.devices.device import Device
from state.devices.identity import device_of
from state.devices.judged import Judged, bucket_of
from state.devices.logic import DevicesLogic, Read
from state.logic import FINAL, Out, SourcePosition
from state.options import Options
from state.segments.membership import Segments
from state.visitor import Visitor
from state.visitors.logic import NO_SEGMENTS, VisitorsLogic
from state.visitors.rules import NoRules, Rules
from state.visitors.scoring import Scorer


class Engine:
    """Devices and visitors in memory.

    Args:
        options: the settings; `Options(bounded=True)` forgets no visitor.
        pack: the rules; None has none.
        scorer: the models; None scores no visitor.
        buckets: of each stage.
        now_ms: the wall clock, epoch milliseconds.
        key: makes pseudonyms of ids; None leaves them as they are.
        live: entities of a stage that are kept as objects between slices; the others are bytes.
        segments: what a visitor may be in; none unless given.
    """

    def __init__(
        self,
        options: Options | None = None,
        pack: Rules | None = None,
        scorer: Scorer | None = None,
        buckets: int = 32,
        now_ms: Callable[[], int] = lambda: 0,
        key: bytes | None = None,
        live: int = 100_000,
        segments: Segments = NO_SEGMENTS,
    ) -> None:
        options = options or Options(bounded=True)
        self.devices_logic = DevicesLogic(options, buckets, key)
        self.visitors_logic = VisitorsLogic(options, pack or NoRules(), scorer, now_ms, segments)
        self.counts, self._live = (Counts(), Counts()), (Live(live), Live(live))
        self.devices: list[Bucket[Device, Read]] = [
            Bucket(number, self.devices_logic, DictStore(), self._live[0].objects, self.counts[0])
            for number in range(buckets)
        ]
        self.visitors: list[Bucket[Visitor, Judged]] = [
            Bucket(number, self.visitors_logic, DictStore(), self._live[1].objects, self.counts[1])
            for number in range(buckets)
        ]

    def take(self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, ends_at: int) -> Out:
        """Takes the values of a slice that ends before `ends_at`, whatever their order."""
        out = Out()
        self._take_slice(self.devices_logic.items(values, positions, False, out), ends_at, out)
        return out

    def take_late(self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None) -> Out:
        """Takes values that came behind the watermark."""
        out, passed = Out(), Out()
        for bucket, items in self._by_bucket(self.devices_logic.items(values, positions, True, out)):
            bucket.take_late(items, passed)
        for number, packs in _routed(passed, out).items():
            _add(out, taken(self.visitors[number], packs, None, 0, late=True))
        return out

    def finish(self) -> Out:
        """Everything that is pending comes to its end."""
        out = Out()
        for bucket in self.visitors:
            bucket.settle(FINAL, out)
        return out

    def run(
        self, values: Iterable[bytes], slice_ms: int, positions: Iterable[SourcePosition] | None = None
    ) -> Out:
        """All of a stream: cuts it into slices of event time, takes them in order, and finishes."""
        out, slices = Out(), defaultdict(list)
        known = None if positions is None else list(positions)
        for item in self.devices_logic.items(list(values), known, False, out):
            slices[item.at // slice_ms].append(item)
        for number in sorted(slices):
            self._take_slice(slices.pop(number), (number + 1) * slice_ms, out)
        _add(out, self.finish())
        return out

    def _take_slice(self, items: list[Read], ends_at: int, out: Out) -> None:
        passed = Out()
        for devices, found in self._by_bucket(items):
            devices.take(found, ends_at, passed)
        for number, packs in _routed(passed, out).items():
            _add(out, taken(self.visitors[number], packs, None, ends_at, late=False))
        for visitors in self.visitors:  # the slice is over for everybody: what was asked is answered
            if visitors.may_be_due(ends_at):
                visitors.settle(ends_at, out)
        for live in self._live:
            live.trim()

    def _by_bucket(self, items: list[Read]) -> Iterable[tuple[Bucket[Device, Read], list[Read]]]:
        found: dict[int, list[Read]] = defaultdict(list)
        for item in items:
            found[bucket_of(device_of(item.event), len(self.devices))].append(item)
        return [(self.devices[number], reads) for number, reads in found.items()]


def _routed(passed: Out, out: Out) -> dict[int, list[bytes]]:
    """What was judged by bucket of visitors; everything else goes out."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for document in passed.documents:
        if document.kind in ("judged", "judged_late"):
            found[int(document.key)].append(document.body)
        else:
            out.documents.append(document)
    out.add_counts(passed)
    return found


def _add(out: Out, more: Out) -> None:
    out.documents.extend(more.documents)
    out.add_counts(more)
