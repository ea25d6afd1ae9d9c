"""The torture of tests.torture in small: some edits of each sort, the database killed once and the server once."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.served import copy


@pytest.mark.complaint(8, 9)
def test_nothing_is_missed_dangling_or_out_of_order_whatever_is_killed(started: Path, tmp_path: Path) -> None:
    folder = ("--folder", str(copy(started, tmp_path)))
    command = [sys.executable, "-m", "tests.torture", "--edits", "120", "--kills", "2", "--seed", "5", *folder]
    told = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
