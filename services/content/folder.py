"""The content in force: a folder that is looked at; a wrong file leaves the version that runs."""

from __future__ import annotations

from pathlib import Path

from services.content.loading import SHIPPED, Content, load
from services.following import FollowedFolder


class ContentFolder(FollowedFolder[Content]):
    """Follows a folder of content."""

    def __init__(self, folder: str = "", poll_ms: int = 2_000) -> None:
        """Reads the folder for the first time; an empty name takes the shipped example.

        Raises:
            BadContent: it is wrong; there is nothing else to run.
        """
        path = Path(folder) if folder else SHIPPED
        super().__init__("content", path, poll_ms, lambda: load(path))

    @property
    def content(self) -> Content:
        """What is in force."""
        return self.current
