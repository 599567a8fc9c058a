"""A bare Debian that becomes an image by its install script: the nearest to a container where there is no engine.

Needs root and debootstrap. Every command runs in a mount namespace of its own, so that no mount outlives it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.package import ROOT

RELEASE, USER = "bookworm", "9999:9999"
# How this machine reaches the indices of packages: pip's own variables, and certificates.
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_NETWORK = re.compile(r"PIP_|(HTTPS?|NO)_PROXY$", re.IGNORECASE)


@dataclass(frozen=True)
class BareRoot:
    """The root of an image."""

    image: str
    folder: Path

    @property
    def containerfile(self) -> str:
        """The text of its Containerfile."""
        return (ROOT / "deploy" / "images" / f"{self.image}.Containerfile").read_text("utf-8")

    def make(self) -> None:
        """Debian, the code, and the script; a root that was made before is taken as it is."""
        if (self.folder / "made").exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        _checked(["debootstrap", "--variant=minbase", RELEASE, str(self.folder)])
        self._copy()
        [script] = re.findall(r"^RUN (.+)$", self.containerfile, re.MULTILINE)
        self._install(script)
        (self.folder / "made").touch()

    def _copy(self) -> None:
        for line in re.findall(r"^COPY (?!--from)(.+)$", self.containerfile, re.MULTILINE):
            *sources, target = line.split()
            inside = self.folder / target.lstrip("/")
            for source in map(ROOT.joinpath, sources):
                if source.is_dir():
                    shutil.copytree(source, inside, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    inside.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, inside)

    def _install(self, script: str) -> None:
        """As root, on the network of this machine."""
        shutil.copy("/etc/resolv.conf", self.folder / "etc" / "resolv.conf")
        variables = {name: value for name, value in os.environ.items() if _NETWORK.match(name)}
        mounts: dict[str, str] = {}
        for name in (*_CERTIFICATES, "PIP_FIND_LINKS"):
            if place := os.environ.get(name):  # several may name one file
                variables[name] = mounts.setdefault(place, f"/run/host/{name}")
        _checked(self._inside([script], variables | {"PATH": os.defpath + ":/usr/sbin:/sbin"}, mounts, "0:0"))

    def command(
        self, words: Sequence[str], variables: Mapping[str, str], mounts: Mapping[Path, str]
    ) -> list[str]:
        """A command line that runs words as a container would: the user, the variables, a root to be read alone.

        Args:
            words: what runs.
            variables: beside those of the Containerfile.
            mounts: places inside by the folder or file of this machine, which can be written to.
        """
        own = dict(re.findall(r"^ENV (\w+)=(.+)$", self.containerfile, re.MULTILINE))
        there = {str(source): target for source, target in mounts.items()}
        return self._inside(words, {**own, "HOME": "/tmp", **variables}, there, USER, read_only=True)

    def _inside(
        self,
        words: Sequence[str],
        variables: Mapping[str, str],
        mounts: Mapping[str, str],
        user: str,
        read_only: bool = False,
    ) -> list[str]:
        root = shlex.quote(str(self.folder))
        lines = ["set -e", f"mount --bind {root} {root}", f"mount -t proc proc {root}/proc"]
        for source, target in mounts.items():
            place, what = f"{root}{target}", shlex.quote(source)
            made = (
                f"mkdir -p {place}"
                if Path(source).is_dir()
                else f"mkdir -p $(dirname {place}); touch {place}"
            )
            lines += [made, f"mount --bind {what} {place}"]
        lines += [f"mount -o remount,bind,ro {root}"] if read_only else []
        settings = [f"{name}={value}" for name, value in variables.items()]
        lines.append(
            shlex.join(
                [
                    "exec",
                    "chroot",
                    f"--userspec={user}",
                    str(self.folder),
                    "env",
                    "-i",
                    "-C",
                    "/opt/footfall",
                    *settings,
                    *words,
                ]
            )
        )
        return ["unshare", "--mount", "sh", "-c", "\n".join(lines)]


def _checked(command: list[str]) -> None:
    """Runs it to its end; the end of what it printed is in the error."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True
    )
    assert done.returncode == 0, (
        f"{command[0]}: status {done.returncode}\n{(done.stdout + done.stderr)[-4_000:]}"
    )
