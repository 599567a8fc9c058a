"""What is hosted on a worker: logics with what they need of its world (clock, key, rules, models)."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import Any

from connectors.contracts.experiments import Experiments
from connectors.contracts.model_inputs import MODELS, OPTIONAL
from connectors.keys import KeySource
from state.devices.logic import DevicesLogic
from state.items.logic import ItemsLogic
from state.items.options import ItemOptions
from state.items.pairs import PairsLogic
from state.options import Options
from state.rules.language.loading import AnyRule
from state.segments.language.folder import SegmentFolder
from state.triggers.actions import ActionTable
from state.visitors.ingest import AdmissionLogic
from state.visitors.logic import VisitorsLogic
from state.visitors.scoring import BatchScorer
from udfs.keyed import Hosted
from udfs.models import ModelMetrics, batched, opened
from udfs.rules import RulesWatch
from udfs.segments import SegmentsWatch
from udfs.triggers import CountedTriggers


def now_ms() -> int:
    """The wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


def calm_collector() -> None:
    """A worker keeps many objects that are in no cycle: the collector need not look at them all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


@dataclass(frozen=True)
class MakeDevices:
    """DEVICES; `key_source` is where the key of pseudonyms lies, None keeps ids as they are."""

    options: Options
    buckets: int
    key_source: KeySource | None

    def __call__(self, context: Any) -> Hosted:
        """Makes the logic; without the key that it needs the job does not start."""
        calm_collector()
        key = self.key_source.read() if self.key_source else None
        return Hosted(DevicesLogic(self.options, self.buckets, key))


@dataclass(frozen=True)
class MakeAdmission:
    """ADMISSION: what an ingest that is deployed without VISITORS knows of visitors."""

    options: Options

    def __call__(self, context: Any) -> Hosted:
        """Makes the logic."""
        calm_collector()
        return Hosted(AdmissionLogic(self.options, now_ms))


@dataclass(frozen=True)
class MakeVisitors:
    """VISITORS.

    Attributes:
        options: spans, caps, switches.
        rules: that travel with the job.
        rules_dir: folder of the rules, which is followed; empty = they never change.
        model_dir: folder of the models; empty = those that travel with the job.
        segments: that travel with the job.
        segments_dir: folder of the segments, which is followed; empty = they never change.
    """

    options: Options
    rules: tuple[AnyRule, ...]
    rules_dir: str
    model_dir: str
    segments: SegmentFolder
    segments_dir: str

    def __call__(self, context: Any) -> Hosted:
        """Makes the logic with the rules, segments and models of now, and follows them from then on."""
        group = context.get_metrics_group().add_group("visitors")
        watch = RulesWatch(self.rules, self.rules_dir, self.options, group.add_group("rules"))
        scorer = self._scorer(group.add_group("scoring")) if self.options.scoring else None
        segments = SegmentsWatch(self.segments, self.segments_dir, group.add_group("segments"), now_ms)
        logic = VisitorsLogic(self.options, watch.pack, scorer, now_ms, segments.segments)
        calm_collector()

        def renew() -> None:
            watch.renew(logic)
            segments.renew(logic)

        return Hosted(logic, renew)

    def _scorer(self, group: Any) -> BatchScorer:
        models = opened(self.model_dir)
        metrics = ModelMetrics(group, models, (*MODELS, *OPTIONAL))
        return batched(models, metrics.count)


@dataclass(frozen=True)
class MakePairs:
    """PAIRS."""

    options: ItemOptions

    def __call__(self, context: Any) -> Hosted:
        """Makes the logic."""
        calm_collector()
        logic = PairsLogic(self.options)
        context.get_metrics_group().add_group("pairs").gauge("copies", lambda: logic.copies)
        return Hosted(logic)


@dataclass(frozen=True)
class MakeItems:
    """ITEMS."""

    options: ItemOptions

    def __call__(self, context: Any) -> Hosted:
        """Makes the logic."""
        calm_collector()
        return Hosted(ItemsLogic(self.options))


@dataclass(frozen=True)
class MakeTriggers:
    """TRIGGERS; the table of actions and the experiments, as plain data."""

    table: dict[str, Any]
    experiments: dict[str, Any]

    def __call__(self, context: Any) -> Hosted:
        """Makes the logic."""
        calm_collector()
        group = context.get_metrics_group().add_group("triggers")
        experiments = Experiments.model_validate(self.experiments)
        return Hosted(CountedTriggers(ActionTable.model_validate(self.table), experiments, group))
