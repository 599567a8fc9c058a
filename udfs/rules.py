"""The rules on a worker: those that travelled with the job, then those of their folder, as they change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from state.options import Options
from state.rules.language.loading import AnyRule
from state.rules.language.loading import load as load_rules
from state.rules.pack import Pack
from udfs.followed import Followed

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
        self._options, self.pack = options, compiled(rules, options)
        self._files = Followed("rules", rules_dir, tuple(rules), _rules_in, group)
        group.gauge("active", lambda: len(self.pack.kinds))
        # A worker starts with its first slice: the folder may be ahead of what travelled with the job.
        self._reload()

    def renew(self, logic: HasPack) -> None:
        """Gives the logic the folder's rules where these have changed; refused ones leave it the old ones."""
        if self._reload():
            logic.pack = self.pack

    def _reload(self) -> bool:
        """Whether the folder holds other rules than those at work; they are then in `pack`."""
        if not self._files.has_changed():
            return False
        self.pack = compiled(self._files.found, self._options)
        _LOG.info("Rules at work: %s", ", ".join(sorted(self.pack.kinds)))
        return True


def _rules_in(folder: Path) -> tuple[AnyRule, ...]:
    return tuple(one.rule for one in load_rules([folder]))
