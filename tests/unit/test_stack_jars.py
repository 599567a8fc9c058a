"""The pinned jars: what jars.toml says, and that nothing else is accepted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stack import jars
from stack.errors import DownloadFailed
from stack.jars import Jar

GOOD = b"the pinned file"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(GOOD).hexdigest())


class Progress:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, component: str, total: int) -> None:
        self.lines.append(f"{component} {total}")

    def done(self, component: str, jar: Jar) -> None:
        self.lines.append(jar.coordinate)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the next downloads bring."""
    coming: list[bytes] = []

    def bring(jar: Jar, repository: Path) -> None:
        path = jar.path_in(repository)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coming.pop(0))

    monkeypatch.setattr(jars, "_download", bring)
    monkeypatch.setattr(jars, "read_pins", lambda: {"part": [JAR]})
    return coming


def test_every_part_is_pinned() -> None:
    pins = jars.read_pins()
    assert set(pins) == {"kafka", "elasticsearch", "flink", "lake", "s3"}
    everything = [jar for part in pins.values() for jar in part]
    assert all(int(jar.sha256, 16) >= 0 and len(jar.sha256) == 64 for jar in everything)
    assert {"kafka_2.13", "elasticsearch", "flink-sql-connector-kafka"} <= {
        jar.artifact for jar in everything
    }


def test_a_coordinate_has_a_path_in_a_repository() -> None:
    jar = Jar("org.example", "thing", "1.0", "0" * 64, "linux")
    assert jar.coordinate == "org.example:thing:1.0:linux"
    assert jar.path_in(Path("m")) == Path("m/org/example/thing/1.0/thing-1.0-linux.jar")


@pytest.mark.parametrize("line", ['"a:b" = "%s"' % ("0" * 64), '"a:b:1" = "abc"', '"a:b:1" = 3'])
def test_a_bad_pin_is_named(tmp_path: Path, line: str) -> None:
    pins = tmp_path / "jars.toml"
    pins.write_text(f"[part]\n{line}\n")
    with pytest.raises(DownloadFailed, match=r"jars\.toml: required is .* found 'a:b"):
        jars.read_pins(pins)


def test_a_good_download_is_checked_once(tmp_path: Path, downloads: list[bytes]) -> None:
    downloads.append(GOOD)
    progress = Progress()
    [path] = jars.fetch("part", tmp_path, progress)
    assert path.read_bytes() == GOOD
    assert progress.lines == ["part 1", "org.example:thing:1.0"]
    assert jars.fetch("part", tmp_path, progress) == [path]
    assert len(progress.lines) == 2


def test_half_a_file_is_fetched_again(tmp_path: Path, downloads: list[bytes]) -> None:
    half = JAR.path_in(tmp_path / "maven")
    half.parent.mkdir(parents=True)
    half.write_bytes(GOOD[:5])
    downloads.append(GOOD)
    assert jars.fetch("part", tmp_path)[0].read_bytes() == GOOD


def test_a_file_changed_later_is_fetched_again(tmp_path: Path, downloads: list[bytes]) -> None:
    downloads += [GOOD, GOOD]
    [path] = jars.fetch("part", tmp_path)
    path.write_bytes(b"something else")
    assert jars.fetch("part", tmp_path)[0].read_bytes() == GOOD


def test_a_wrong_file_is_refused_and_deleted(tmp_path: Path, downloads: list[bytes]) -> None:
    downloads += [b"wrong", b"wrong"]
    with pytest.raises(DownloadFailed) as caught:
        jars.fetch("part", tmp_path)
    assert JAR.coordinate in str(caught.value)
    assert JAR.sha256 in str(caught.value) and hashlib.sha256(b"wrong").hexdigest() in str(caught.value)
    assert not JAR.path_in(tmp_path / "maven").exists()


def test_the_cache_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(jars.CACHE_VARIABLE, str(tmp_path))
    assert jars.default_cache_dir() == tmp_path
    monkeypatch.delenv(jars.CACHE_VARIABLE)
    assert jars.default_cache_dir() == Path.home() / ".cache" / "footfall"
