"""The scripts of web/dist as the collector serves them: short to cache, cheap to ask again for."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from connectors.errors import SettingError

SHIPPED = Path(__file__).resolve().parents[1] / "web" / "dist"
# A new version is everywhere within the hour; meanwhile a browser asks nobody, then at most for the tag.
_CACHE = "public, max-age=3600, stale-while-revalidate=86400"
_HEADERS = {
    "cache-control": _CACHE,
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "cross-origin",
}


@dataclass(frozen=True)
class _Script:
    """A file, as it is and compressed; the tag is weak as it stands for both."""

    plain: bytes
    packed: bytes
    tag: str


class Scripts:
    """All `*.js` of a folder, read once."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        """Reads them.

        Raises:
            SettingError: there is none.
        """
        self._scripts = {path.name: _read(path) for path in sorted(folder.glob("*.js"))}
        if not self._scripts:
            raise SettingError(f"scripts_dir {folder}: no *.js in this folder", "name another: web/dist")

    def answer(self, request: Request) -> Response:
        """One script; 304 where the browser has it already."""
        script = self._scripts.get(request.path_params["name"] + ".js")
        if script is None:
            return PlainTextResponse(f"there are {', '.join(self._scripts)}", 404)
        headers = {**_HEADERS, "etag": script.tag}
        if script.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
        if takes_gzip:
            headers["content-encoding"] = "gzip"
        body = script.packed if takes_gzip else script.plain
        return Response(body, headers=headers, media_type="text/javascript")


def _read(path: Path) -> _Script:
    plain = path.read_bytes()
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"'
    return _Script(plain, gzip.compress(plain, 9, mtime=0), tag)
