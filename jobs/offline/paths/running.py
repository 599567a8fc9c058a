"""One run of `scripts/paths`: the funnel's rule, the engine over history, the answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.errors import BadInput
from jobs.active_rules import active_rules
from jobs.offline.memberships import Lifecycle
from jobs.offline.paths.analysis import Answer, Question, analysed
from jobs.offline.paths.sessions import Wanted, sessions_of
from jobs.offline.training.events import read_events
from jobs.settings import Settings
from state.options import Options
from state.rules.language.model import Funnel
from udfs.rules import compiled

Bar = Callable[[str], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Run:
    """What a run works on.

    Attributes:
        path: a lake, or a file of messages.
        adapter: of the file's messages.
        wanted: what is a step.
        question: what is asked.
        funnel: name of a rule of that kind.
        settings: of the job: session gap, consent, the folder of rules.
        lifecycle: folder or file of segments; None has the shipped ones.
        segment: only sessions that began in it.
    """

    path: Path
    adapter: str
    wanted: Wanted
    question: Question
    funnel: str
    settings: Settings
    lifecycle: Path | None = None
    segment: str | None = None


def answer(run: Run, bar: Bar) -> Answer:
    """All figures.

    Args:
        run: what is asked of what.
        bar: shows how a piece of work comes on.

    Raises:
        BadInput: something that was given leads to no answer.
    """
    run.wanted.check()
    run.question.least(1)  # refuses a bad support before the long work
    lifecycle, rule = Lifecycle(run.lifecycle), funnel_rule(run.settings, run.funnel)
    if run.segment is not None:
        lifecycle.require(run.segment)
    options = Options.of(run.settings, ()).replace(bounded=True, scoring=False)
    with bar("events") as update:
        events = read_events(run.path, run.adapter)
        found = sessions_of(events, options, run.wanted, compiled([rule], options), lifecycle, update)
    with bar("patterns") as update:
        return analysed(
            found,
            run.question,
            goal=run.wanted.goal,
            funnel=[step.name for step in rule.steps],
            segment=run.segment,
            progress=update,
        )


def funnel_rule(settings: Settings, name: str) -> Any:
    """A rule of the kind funnel out of the settings' folder.

    Raises:
        BadInput: there is none of that name.
    """
    known = {rule.name: rule for rule in active_rules(settings) if isinstance(rule, Funnel)}
    if name not in known:
        raise BadInput(
            f"one of the funnels {', '.join(known) or 'none'} is required, {name!r} came",
            "name a rule of the kind funnel; rules_dir is their folder",
        )
    return known[name]
