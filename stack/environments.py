"""Commands in an environment of their own: that of the services, without Flink, or of the documentation."""

from __future__ import annotations

_RUN = 'FOOTFALL_ROOT=${FOOTFALL_ROOT:-$PWD} && . scripts/_%s && exec "$FOOTFALL_PY" -m "$@"'


def in_services(*arguments: str) -> list[str]:
    """A command line for a Python module in `.venv-services`, which is made when it is missing.

    It runs in the checkout.

    >>> in_services("pytest", "tests/services")[3:]
    ['services', 'pytest', 'tests/services']
    """
    return _in("services", *arguments)


def in_docs(*arguments: str) -> list[str]:
    """The same in `.venv-docs`, which has what builds the site.

    >>> in_docs("zensical", "build")[3:]
    ['docs', 'zensical', 'build']
    """
    return _in("docs", *arguments)


def _in(name: str, *arguments: str) -> list[str]:
    return ["sh", "-c", _RUN % name, name, *arguments]
