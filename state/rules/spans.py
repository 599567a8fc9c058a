"""Moved to state/rules/language/spans.py; here until what explains rules runs on the engine."""

from state.rules.language.spans import *  # noqa: F403
