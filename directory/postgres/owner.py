"""Whom the embedded server belongs to: the caller, or, as PostgreSQL refuses to run as root, a system user."""

import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

from django.db import OperationalError

SYSTEM_USER = "embedded_postgres"
# Root's PATH need not have what only root runs: a shell by `su`, a cron job.
ADMINISTRATORS_PATH = f"/usr/sbin:/sbin:{os.defpath}"


class Owner:
    """The account that runs the server."""

    def __init__(self) -> None:
        self._is_root = os.geteuid() == 0

    def credentials(self) -> dict[str, Any]:
        """Arguments for subprocess which run a program as the owner."""
        if not self._is_root:
            return {}
        entry = self._system_user()
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def make_private(self, path: Path) -> None:
        """A directory that nobody but the owner (and root) can enter. Raises when it is somebody else's."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self._system_user().pw_uid if self._is_root else os.geteuid()
        found = path.lstat()
        # It may lie in /tmp, where a stranger can have put a directory or a symbolic link in our way.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise OperationalError(f"{path} is somebody else's; remove it, or set DATABASE_URL.")
        os.chown(path, owner, -1, follow_symlinks=False)
        path.chmod(0o700)
        self.open_way_to(path)

    def open_way_to(self, path: Path) -> None:
        """Started by root, let the system user pass through the directories above; it still cannot list them."""
        if self._is_root:
            for parent in path.parents:
                mode = parent.stat().st_mode
                if not mode & stat.S_IXOTH:
                    parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)

    def _system_user(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            pass
        try:
            command = ["useradd", "--system", SYSTEM_USER]
            subprocess.run(command, check=True, capture_output=True, env={"PATH": ADMINISTRATORS_PATH})
        except (OSError, subprocess.CalledProcessError) as error:
            raise OperationalError(
                "PostgreSQL does not run as root, and a system user for it could not be made: "
                "start as an ordinary user, or set DATABASE_URL."
            ) from error
        return pwd.getpwnam(SYSTEM_USER)
