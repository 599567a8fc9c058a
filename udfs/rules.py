"""The rules on a worker: those that travelled with the job, then those of their folder, as they change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from connectors.errors import BadInput
from connectors.wording import plainly
from state.options import Options
from state.rules.language.loading import AnyRule
from state.rules.language.loading import load as load_rules
from state.rules.pack import Pack

_LOG = logging.getLogger(__name__)
# The spans of cart abandonment are settings, too, so that a demonstration need not wait half an hour.
_CART_RULE, _CART_SPANS = "cart_abandoned", {"within": 1_800_000, "recovered_within": 86_400_000}


class HasPack(Protocol):
    """A logic with rules."""

    pack: Any


def with_cart_spans(rules: Sequence[Any], options: Options) -> list[Any]:
    """The rules; cart abandonment with the spans of the settings, where those were changed."""
    spans = {"within": options.cart_timeout_ms, "recovered_within": options.cart_recovery_ms}
    changed = {name: span for name, span in spans.items() if span != _CART_SPANS[name]}
    return [rule.model_copy(update=changed) if rule.name == _CART_RULE else rule for rule in rules]


def compiled(rules: Sequence[Any], options: Options) -> Pack:
    """The rules at work, with the spans of the settings."""
    return Pack.compile(
        with_cart_spans(rules, options),
        options.session_gap_ms,
        bounded=options.bounded,
        expires_ms=options.signal_expires_after_ms,
        memory_ms=options.rule_memory_ms,
        late_ms=options.dedup_ttl_ms,
    )


class RulesWatch:
    """Looks now and then whether the folder of the rules has changed.

    Attributes:
        pack: the rules at work.
    """

    def __init__(self, rules: Sequence[AnyRule], rules_dir: str, options: Options, group: Any) -> None:
        """Compiles the rules that travelled with the job.

        Args:
            rules: as they were loaded and checked.
            rules_dir: the folder to follow, as this worker sees it; empty: they never change.
            options: spans.
            group: of metrics.
        """
        self._folder, self._options = Path(rules_dir) if rules_dir else None, options
        self._rules, self.pack = tuple(rules), compiled(rules, options)
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self._renewed, self._refused = group.counter("renewed"), group.counter("refused")
        group.gauge("active", lambda: len(self.pack.kinds))
        # A worker starts with its first slice: the folder may be ahead of what travelled with the job.
        self._reload()

    def renew(self, logic: HasPack) -> None:
        """Gives the logic the folder's rules where these have changed; refused ones leave it the old ones."""
        if self._reload():
            logic.pack = self.pack

    def _reload(self) -> bool:
        """Whether the folder holds other rules than those at work; they are then in `pack`."""
        stamp = self._stamp()
        if self._folder is None or not stamp or stamp == self._seen:
            return False
        self._seen = stamp
        try:
            rules = tuple(one.rule for one in load_rules([self._folder]))
            if rules == self._rules:
                return False
            self._rules, self.pack = rules, compiled(rules, self._options)
        except (BadInput, OSError) as error:
            self._refused.inc()
            _LOG.error("The rules of %s are refused, the old ones stay: %s", self._folder, plainly(error))
            return False
        self._renewed.inc()
        _LOG.info("Rules at work: %s", ", ".join(sorted(self.pack.kinds)))
        return True

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        """What tells one state of the folder from another; empty where it cannot be read."""
        try:
            files = sorted(self._folder.glob("*.yaml")) if self._folder else []
            return tuple((path.name, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in files)
        except OSError as error:
            _LOG.warning(
                "The rules' folder %s cannot be read, the rules stay: %s", self._folder, plainly(error)
            )
            return ()
