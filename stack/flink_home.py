"""Lays out a Flink of an image: `python -m stack.flink_home /opt/flink`.

The wheel of apache-flink holds a whole distribution, but in the folders of a Python package. Here it gets
those that Flink's scripts and its Kubernetes client expect, the pinned connectors and the file system of s3://.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from stack import flink_config, jars
from stack.flink_client import flink_home, link_libraries

PARTS = ("flink", "lake", "s3")


def lay_out(home: Path, connectors: Mapping[str, list[Path]]) -> None:
    """Makes bin, conf, lib, opt and plugins; what is large is linked.

    Args:
        home: the new folder.
        connectors: jars by their part of jars.toml.
    """
    wheel = flink_home()
    home.mkdir(parents=True)
    shutil.copytree(wheel / "bin", home / "bin")  # its scripts find the rest from where they really lie
    # A folder: Flink looks for the jar of Python in it, and follows no link to another.
    (home / "opt").mkdir()
    for jar in (wheel / "opt").glob("*.jar"):
        (home / "opt" / jar.name).symlink_to(jar)
    link_libraries(home / "lib", [*connectors["flink"], *connectors["lake"]])
    (home / "plugins" / "s3").mkdir(parents=True)
    for jar in connectors["s3"]:
        (home / "plugins" / "s3" / jar.name).symlink_to(jar)
    for plugin in (one for one in (wheel / "plugins").iterdir() if one.is_dir()):
        (home / "plugins" / plugin.name).symlink_to(plugin)
    flink_config.write_conf_dir(home / "conf", {}, overlay="production")
    (home / "log").mkdir()


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), {part: jars.fetch(part) for part in PARTS})
