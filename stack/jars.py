"""The jars of the embedded stack: pinned in jars.toml, fetched once, checked against their sha256."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.wording import plainly
from stack.errors import DownloadFailed

CACHE_VARIABLE = "FOOTFALL_CACHE_DIR"
PINS = Path(__file__).with_name("jars.toml")
_PARALLEL_DOWNLOADS = 6
_TIMEOUT_S = 60


class JarProgress(Protocol):
    """Hears about each jar that had to be fetched or checked."""

    def start(self, component: str, total: int) -> None:
        """`total` jars of `component` must be fetched."""

    def done(self, component: str, jar: Jar) -> None:
        """One of them is there and is the pinned file."""


@dataclass(frozen=True)
class Jar:
    """One pinned file: Maven coordinate and sha256 (hexadecimal)."""

    group: str
    artifact: str
    version: str
    sha256: str
    classifier: str = ""

    @property
    def name(self) -> str:
        """The file name in a Maven repository."""
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{tail}.jar"

    @property
    def coordinate(self) -> str:
        """group:artifact:version, with :classifier if there is one."""
        parts = [self.group, self.artifact, self.version, self.classifier]
        return ":".join(part for part in parts if part)

    def path_in(self, repository: Path) -> Path:
        """Where a Maven repository folder keeps it."""
        return repository.joinpath(*self.group.split("."), self.artifact, self.version, self.name)


def default_cache_dir() -> Path:
    """FOOTFALL_CACHE_DIR, else ~/.cache/footfall."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().resolve() if chosen else Path.home() / ".cache" / "footfall"


def read_pins(path: Path = PINS) -> dict[str, list[Jar]]:
    """The pinned jars by component.

    Raises:
        DownloadFailed: if an entry is not `"group:artifact:version[:classifier]" = "sha256"`.
    """
    tables = tomllib.loads(path.read_text("utf-8"))
    return {
        component: [_jar(path, key, value) for key, value in table.items()]
        for component, table in tables.items()
    }


def _jar(path: Path, coordinate: str, sha256: object) -> Jar:
    parts = coordinate.split(":")
    if len(parts) not in (3, 4) or not isinstance(sha256, str) or len(sha256) != 64:
        raise DownloadFailed(
            f'{path}: required is "group:artifact:version[:classifier]" = "64 hexadecimal digits", '
            f"found {coordinate!r} = {sha256!r}",
            "correct the entry",
        )
    return Jar(parts[0], parts[1], parts[2], sha256.lower(), *parts[3:])


def fetch(component: str, cache_dir: Path | None = None, progress: JarProgress | None = None) -> list[Path]:
    """The jars of a component, in the order of jars.toml; downloads what is missing.

    A jar is hashed once; a stamp beside the cache remembers size and time of the checked file.

    Args:
        component: a table of jars.toml.
        cache_dir: folder of the cache; None = `default_cache_dir()`.
        progress: hears about downloads.

    Raises:
        DownloadFailed: if a jar cannot be fetched, or is not the pinned file twice in a row.
    """
    cache = cache_dir or default_cache_dir()
    repository, stamps = cache / "maven", cache / "stamps" / component
    jars = read_pins()[component]
    if missing := [jar for jar in jars if not _is_stamped(jar, repository, stamps)]:
        with _exclusive(cache / "fetch.lock"):
            missing = [jar for jar in missing if not _is_stamped(jar, repository, stamps)]
            _fetch_all(component, missing, repository, stamps, progress)
    return [jar.path_in(repository) for jar in jars]


def _fetch_all(
    component: str, jars: list[Jar], repository: Path, stamps: Path, progress: JarProgress | None
) -> None:
    if progress is not None:
        progress.start(component, len(jars))

    def fetch_and_show(jar: Jar) -> None:
        _fetch_one(jar, repository)
        _stamp(jar, repository, stamps)
        if progress is not None:
            progress.done(component, jar)

    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS, "jars") as pool:
        try:
            list(pool.map(fetch_and_show, jars))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_one(jar: Jar, repository: Path) -> None:
    path = jar.path_in(repository)
    # Twice: an interrupted download leaves half a file, which is no reason to give up.
    for _ in range(2):
        if not path.exists():
            _download(jar, repository)
        found = _sha256(path)
        if found == jar.sha256:
            return
        path.unlink()
    raise DownloadFailed(
        f"{jar.coordinate}: sha256 {jar.sha256} is required ({PINS.name}), the download has "
        f"{found} and was deleted: the registry or a proxy in between serves another file",
        "try another network",
    )


def _download(jar: Jar, repository: Path) -> None:
    # Imported late: a start with a filled cache does not need it.
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=repository, timeout=_TIMEOUT_S)
    try:
        version = context.project(jar.group, jar.artifact).at_version(jar.version)
        version.artifact(jar.classifier, "jar").resolve()
    except Exception as problem:
        # jgo raises whatever its HTTP library does, and RuntimeError for an unknown artifact.
        jar.path_in(repository).unlink(missing_ok=True)
        raise DownloadFailed(
            f"{jar.coordinate} could not be downloaded: {plainly(problem)}",
            f"check the network (and HTTPS_PROXY), then start again: what is already in {repository} is kept",
        ) from problem


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stamp_file(jar: Jar, stamps: Path) -> Path:
    return stamps / f"{jar.name}.json"


def _facts(jar: Jar, repository: Path) -> dict[str, object]:
    status = jar.path_in(repository).stat()
    return {"sha256": jar.sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _stamp(jar: Jar, repository: Path, stamps: Path) -> None:
    stamps.mkdir(parents=True, exist_ok=True)
    _stamp_file(jar, stamps).write_text(json.dumps(_facts(jar, repository)), "utf-8")


def _is_stamped(jar: Jar, repository: Path, stamps: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bool(json.loads(_stamp_file(jar, stamps).read_text("utf-8")) == _facts(jar, repository))
    return False


@contextlib.contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
