"""What can go wrong."""

from __future__ import annotations


class FootfallError(Exception):
    """The API refused. `status` is HTTP's, 0 without an answer."""

    def __init__(self, status: int, detail: object) -> None:
        """Says why."""
        super().__init__(f"{status}: {detail}" if status else str(detail))
        self.status, self.detail = status, detail


class Refused(FootfallError):
    """401 or 403: the secret is invalid, has expired, or is another visitor's. Asking again does not help."""


class Unavailable(FootfallError):
    """No answer in time, 429 or 5xx. Show what you show without Footfall; ask again later."""
