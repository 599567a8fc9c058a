"""`python -m tools.monitoring`: writes what is made of the table of what is watched."""

from __future__ import annotations

from tools.monitoring.files import generated


def main() -> None:
    """Writes every file."""
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
