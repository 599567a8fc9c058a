"""Commands that run in the services' own environment, which has no Flink."""

from __future__ import annotations

_RUN = 'FOOTFALL_ROOT=${FOOTFALL_ROOT:-$PWD} && . scripts/_services && exec "$FOOTFALL_PY" -m "$@"'


def in_services(*arguments: str) -> list[str]:
    """A command line for a Python module in `.venv-services`, which is made when it is missing.

    It runs in the checkout.

    >>> in_services("pytest", "tests/services")[3:]
    ['services', 'pytest', 'tests/services']
    """
    return ["sh", "-c", _RUN, "services", *arguments]
