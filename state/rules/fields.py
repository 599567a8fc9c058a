"""Moved to state/rules/language/fields.py; here until what explains rules runs on the engine."""

from state.rules.language.fields import *  # noqa: F403
