"""Nightly files: all that is published, at one revision, to take whole and load: NDJSON, CSV, Parquet and SQLite.

A night is a folder with a manifest. It is made beside the others, synced to the disk and then renamed, which happens
at once or not at all: whoever is killed meanwhile leaves the nights before as they were.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

from directory import parquet, sqlite
from directory.api.exports import CHUNK, comma_separated
from directory.api.history import rfc3339
from directory.api.rendering import FORMATS
from directory.api.shapes import Shape
from directory.models import kinds
from directory.snapshot import Copy, Head

# Nights that there are at once; whoever takes the oldest while another is made has had two days for it.
KEPT = 3
MANIFEST, LOCK, DRAFT = "manifest.json", ".lock", ".draft-"
DATABASE = "directory.sqlite"
MEDIA_TYPES = {
    ".ndjson": FORMATS["ndjson"].media_type,
    ".csv": FORMATS["csv"].media_type,
    ".parquet": "application/vnd.apache.parquet",
    ".sqlite": "application/vnd.sqlite3",
}

Chunks = Iterator[list[str]]
Manifest = dict[str, Any]


def make_night(now: datetime.datetime) -> Manifest:
    """Make the files of what is published now, and drop the nights that are too old; returns the manifest."""
    folder: Path = settings.FILES_DIR
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        for left in folder.glob(f"{DRAFT}*"):
            shutil.rmtree(left)
        name = f"{now.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}"
        draft = folder / f"{DRAFT}{name}"
        draft.mkdir()
        manifest = fill(draft, name, now)
        draft.rename(folder / name)
        sync(folder)
        for old in night_folders()[KEPT:]:
            shutil.rmtree(old.rename(folder / f"{DRAFT}{old.name}"))  # gone at once, not file by file
    return manifest


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else makes a night meanwhile; who is killed holds up nobody."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fill(folder: Path, name: str, now: datetime.datetime) -> Manifest:
    """Write all files of a night into its empty folder: the documents first, from which the other forms are made."""
    head, counts = copy_documents(folder)
    told = {"revision": head.revision, "epoch": head.epoch, "made_at": rfc3339(now), "license": settings.LICENSE}
    database = sqlite.create(folder / DATABASE, told | {"next": head.next})
    rows = {DATABASE: sum(counts.values())}
    for kind, model in kinds().items():
        stem, count = model.collection, counts[kind]
        source = folder / f"{stem}.ndjson"
        with (folder / f"{stem}.csv").open("wb") as file:
            file.writelines(comma_separated(Shape(model), {}, head.revision)(documents(source, count)))
        metadata = {"revision": str(head.revision), "license": settings.LICENSE["url"]}
        parquet.write(folder / f"{stem}.parquet", model, documents(source, count), metadata)
        sqlite.fill(database, model, documents(source, count))
        rows |= dict.fromkeys((f"{stem}.ndjson", f"{stem}.csv", f"{stem}.parquet"), count)
    sqlite.finish(database)
    files = [described(folder / file, name, count) for file, count in sorted(rows.items())]
    manifest = {"night": name, **told, "next": head.next, "files": files}
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    sync(folder / MANIFEST)
    sync(folder)
    return manifest


def copy_documents(folder: Path) -> tuple[Head, dict[str, int]]:
    """Write each kind's documents as exports do, byte for byte as published: a line each, and how many they are."""
    counts = dict.fromkeys(kinds(), 0)
    copy = Copy([])
    with ExitStack() as stack:
        stack.callback(copy.close)
        files = {
            kind: stack.enter_context((folder / f"{model.collection}.ndjson").open("wb"))
            for kind, model in kinds().items()
        }
        for rows in copy.chunks():
            for kind, _, _, _, document in rows:
                files[kind].write(document.encode() + b"\n")
                counts[kind] += 1
        for kind, file in files.items():
            file.write(orjson.dumps({"rows": counts[kind], "revision": copy.head.revision}) + b"\n")
    return copy.head, counts


def documents(source: Path, count: int) -> Chunks:
    """The ``count`` documents of an NDJSON file, some at a time; where there is none, once nothing."""
    with source.open(encoding="utf-8", newline="\n") as lines:
        for start in range(0, count or 1, CHUNK):
            yield [line[:-1] for line in islice(lines, min(CHUNK, count - start))]


def described(path: Path, night: str, rows: int) -> dict[str, Any]:
    """What the manifest tells of a file, which is on the disk by then."""
    sync(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "name": path.name,
        "url": f"{settings.SITE_URL}/files/{night}/{path.name}",
        "media_type": MEDIA_TYPES[path.suffix],
        "rows": rows,
        "bytes": path.stat().st_size,
        "sha256": digest,
    }


def sync(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def night_folders() -> list[Path]:
    """The folders of whole nights, the newest first."""
    return sorted(settings.FILES_DIR.glob("[0-9]*Z"), reverse=True)


def manifests() -> Iterator[Manifest]:
    """The manifests of the nights that there are, the newest first."""
    for folder in night_folders():
        if manifest := manifest_of(folder.name):
            yield manifest


def manifest_of(night: str) -> Manifest | None:
    """The manifest of a night; None where there is no such night, or none any more."""
    try:
        manifest: Manifest = orjson.loads((settings.FILES_DIR / night / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    return manifest
