"""Commands that run in the services' own environment, which has no Flink."""

from __future__ import annotations

_RUN = '. scripts/_services && exec "$FOOTFALL_PY" -m "$@"'


def in_services(*arguments: str) -> list[str]:
    """A command line for a Python module in `.venv-services`, which is made when it is missing.

    It runs in the checkout, with FOOTFALL_ROOT set to it.

    >>> in_services("pytest", "tests/services")[2:]
    ['. scripts/_services && exec "$FOOTFALL_PY" -m "$@"', 'services', 'pytest', 'tests/services']
    """
    return ["sh", "-c", _RUN, "services", *arguments]
