"""Builds images of deploy/ and starts them without Docker: by Buildah, as root, from packages alone.

No registry of images is asked. What a Dockerfile begins FROM, `python:VERSION-DEBIAN`, is stood in for by Debian of
that name, which debootstrap makes, with the Python of its own packages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.deploy.images import ROOT, Dockerfile

TOOLS = ("buildah", "debootstrap", "setpriv", "unshare")
_PACKAGES = ("ca-certificates", "netbase", "python3", "python3-venv", "tzdata")
_COMPILERS = ("build-essential", "git", "python3-dev")
"""What the whole image of Python has, and the slim one has not."""
_OF_THE_HOST = ("/etc/pip.conf", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
"""How this machine reaches packages: while an image is built, pip needs it."""
_START = """
set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
shift; exec chroot "$root" "$@"
"""


def missing() -> str:
    """Returns what this machine lacks to build images; empty where it lacks nothing."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} missing: apt-get install buildah debootstrap"
    return "" if os.geteuid() == 0 else "only root makes images' root file systems"


class Images:
    """Images in a folder of their own, until `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = ["--root", folder / "graph", "--runroot", folder / "run", "--storage-driver", "overlay"]

    def build(self, dockerfile: Dockerfile, tag: str) -> None:
        """Builds an image, and what it begins from unless that is there."""
        for base in dockerfile.bases():
            if not self._buildah("images", "--quiet", "--filter", f"reference={base}").stdout:
                self._stand_in(base)
        volumes = [word for path in _OF_THE_HOST if Path(path).exists() for word in ("--volume", f"{path}:{path}:ro")]
        how = ["--isolation", "chroot", "--format", "docker", "--pull-never", *volumes]
        self._buildah("bud", *how, "--file", ROOT / "deploy" / dockerfile.name, "--tag", tag, ROOT)

    def command(
        self, tag: str, *words: str, mounted: Mapping[Path, str] | None = None, arguments: Sequence[str] = ()
    ) -> list[str]:
        """Returns what starts a new container, as its user, on a root that cannot be written, without capabilities.

        `docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --network host` does the
        same. The process has the id 1 there.

        Args:
            tag: of the image.
            words: what is started instead of the image's entry point.
            mounted: folders of this machine, by path; to where they are in the container.
            arguments: of the image's entry point.
        """
        config = json.loads(self._buildah("inspect", "--type", "image", tag).stdout)["OCIv1"]["config"]
        root = Path(self._buildah("mount", self._buildah("from", "--pull-never", tag).stdout).stdout)
        user, group = config["User"].split(":")
        binds = []
        for source, target in (mounted or {}).items():
            (root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
            os.chown(source, int(user), int(group))
            binds += [str(source), target]
        apart = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        alone = ["/usr/bin/env", "-i", "-C", config["WorkingDir"], *config["Env"], "/usr/bin/setpriv"]
        alone += ["--reuid", user, "--regid", group, "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all"]
        started = words or (*config["Entrypoint"], *arguments)
        return [*apart, "bash", "-c", _START, "start", str(root), *binds, "--", *alone, "--no-new-privs", *started]

    def close(self) -> None:
        """Removes everything."""
        self._buildah("rm", "--all")
        self._buildah("rmi", "--all", "--force")
        subprocess.run(["umount", self._folder / "graph" / "overlay"], check=False, capture_output=True)
        shutil.rmtree(self._folder)

    def _stand_in(self, name: str) -> None:
        """Makes an image of Debian with its Python in the place of `python:VERSION[-slim]-DEBIAN`."""
        version, *slim, release = name.removeprefix("python:").split("-")
        root = self._folder / name.replace(":", "-")
        packages = _PACKAGES if slim else _PACKAGES + _COMPILERS
        words = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", release, root]
        # What it mounts is gone with its mount namespace.
        _done(["unshare", "--mount", "--propagation", "private", *words])
        for link in ("python", "python3"):
            (root / "usr/local/bin" / link).symlink_to(f"/usr/bin/python{version}")
        container = self._buildah("from", "scratch").stdout
        self._buildah("add", "--quiet", container, root, "/")
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self._buildah("config", "--env", path, "--env", "LANG=C.UTF-8", container)
        self._buildah("commit", "--quiet", "--rm", container, f"docker.io/library/{name}")
        shutil.rmtree(root)

    def _buildah(self, command: str, *words: Any) -> subprocess.CompletedProcess[str]:
        return _done(["buildah", *self._storage, command, *words])


def _done(words: Sequence[Any]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    done.stdout = done.stdout.strip()
    return done
