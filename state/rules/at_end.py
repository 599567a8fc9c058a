"""Moved to state/rules/language/model.py; here until what explains rules runs on the engine."""

from state.rules.language.model import is_at_end as is_at_end
