"""Torture: many writers, `kill -9` of the server and of the database, and those who follow miss nothing.

    .venv/bin/python -m tests.torture --edits 10000 --writers 8 --kills 6 --seed 1

A directory of its own is served and thrown away. Half of the kills are of the server, half of the database, at
moments that the seed decides. It prints what it found and ends with 1 if that is any fault.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import django

SHOWN = 50
SITE_URL = "http://127.0.0.1:8000"  # not that of the port: see tests.served


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--edits", type=int, default=10_000, help="in all, those that are rolled back among them")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to leave data and logs; thrown away unless given")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="torture-") as made:
        folder = options.folder or Path(made)
        os.environ.pop("DATABASE_URL", None)  # another database is not to be tortured
        os.environ |= {"DATA_DIR": str(folder), "SITE_URL": SITE_URL, "DJANGO_SETTINGS_MODULE": "directory.settings"}
        django.setup()
        logging.getLogger("directory").setLevel(logging.WARNING)  # each revision would have a line
        faults = import_module("tests.tormenting").torture(folder, options)
        for fault in faults[:SHOWN]:
            print("FAULT", fault)
        print(f"{len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
