#!/usr/bin/env python3
"""An exact copy of the directory in SQLite: `python3 mirror.py http://127.0.0.1:8000/api/v1/ copy.sqlite`.

It takes the snapshot, follows the changes and proves by digests that it is equal; what differs it repairs. It may be
killed at any moment: a page of changes and the place where it ends are one transaction. `--once` ends with the first
proof. A key for it is taken from the environment, `DIRECTORY_KEY`, so that no list of processes and no log shows it.
Standard library only (Python 3.11); take it, change it, or do the same in another language.

    documents   id, kind, slug, bucket, document (JSON, byte for byte as published): a row for each object
    state       a single row: the cursor, revision and epoch that the copy is at, and the licence of the data
"""

import argparse
import gzip
import hashlib
import json
import os
import sqlite3
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from http.client import HTTPException
from operator import xor
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
BUCKETS = frozenset(range(256))
PAGE = 1000  # changes in a transaction
WAIT = 30  # seconds that the server holds a request until there is something new
PROOF = 3600  # seconds between two proofs
PATIENCE = 60  # the longest pause after errors
# Status → what to do about it. Asking again would be answered in the same way.
HOPELESS = {
    401: "the key is not taken: put one that is valid into DIRECTORY_KEY, or none.",
    403: "this may not be read with that key: it has to be one for “mirror”, without sites.",
    404: "this is not the root of the API, such as https://directory.example/api/v1/.",
}
SCHEMA = """
    CREATE TABLE IF NOT EXISTS documents (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, bucket INTEGER NOT NULL, document TEXT NOT NULL,
        slug TEXT AS (json_extract(document, '$.slug')) STORED
    );
    CREATE INDEX IF NOT EXISTS documents_slug ON documents (kind, slug);
    CREATE INDEX IF NOT EXISTS documents_bucket ON documents (bucket);
    CREATE TABLE IF NOT EXISTS state (
        one INTEGER PRIMARY KEY CHECK (one = 1), cursor TEXT, revision INTEGER, epoch TEXT, license TEXT
    );
"""


class StartOver(Exception):
    """The server's log does not go on from our place: a new snapshot is needed (410)."""


class Incomplete(Exception):
    """An answer broke off, or is not what it should be."""


class Hopeless(Exception):
    """The server will not answer what we ask, however often; the message says what to do."""


class Mirror:
    def __init__(self, url: str, path: str, key: str = "") -> None:
        self.url, self.key = url.rstrip("/") + "/", key
        self.database = sqlite3.connect(path, isolation_level=None)
        # What is not UTF-8 is read nevertheless, and is not equal to anything that is.
        self.database.text_factory = lambda text: text.decode(errors="surrogateescape")
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside, or nothing: whoever reads the copy never sees half of it."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield self.database
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    @property
    def cursor(self) -> str | None:
        row = self.database.execute("SELECT cursor FROM state").fetchone()
        return row[0] if row else None

    @property
    def revision(self) -> int:
        return int(self.database.execute("SELECT revision FROM state").fetchone()[0])

    # The three things that a mirror does

    def seed(self) -> None:
        """Take the snapshot in place of whatever there is."""
        lines = self.lines("snapshot/")
        head = json.loads(next(lines))
        with self.transaction() as database:
            database.execute("DELETE FROM documents")
            self.store(lines)
            values = (cursor_of(head["next"]), head["revision"], head["epoch"], json.dumps(head["license"]))
            database.execute("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)", values)

    def follow(self, wait: int = 0) -> bool:
        """Apply one page of changes; whether there may be more at once."""
        asked = {"after": self.cursor, "limit": PAGE, "format": "ndjson", **({"wait": wait} if wait else {})}
        # A damaged cursor is refused, and a new snapshot taken.
        lines = list(self.lines(f"changes/?{urlencode(asked, errors='replace')}"))
        *changes, last = lines
        end = json.loads(last)
        if end.get("rows") != len(changes):
            raise Incomplete("changes are missing")
        with self.transaction() as database:
            for line in changes:
                self.apply(line)
            database.execute("UPDATE state SET cursor = ?, revision = ?", (cursor_of(end["next"]), end["revision"]))
        return len(changes) == PAGE

    def prove(self) -> list[int]:
        """The buckets in which the copy differs from the directory at the copy's revision: none, normally."""
        by_kind: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 256)
        differing: set[int] = set()
        # What is stored is read as it is: a damaged row has to be told from a good one, not believed.
        for public_id, kind, bucket, document in self.database.execute(
            "SELECT id, kind, bucket, document FROM documents"
        ):
            place = bucket_of(public_id)
            if bucket != place or f'"id":"{public_id}"' not in str(document):
                differing |= {place, bucket} & BUCKETS
            by_kind[str(kind)][place] ^= digest_of(document)
        whole = [reduce(xor, digests) for digests in zip([0] * 256, *by_kind.values(), strict=True)]
        differing |= differences(whole, self.digests())
        # No document says its kind: each kind's digests are compared, too.
        return sorted(differing or {n for kind in by_kind for n in differences(by_kind[kind], self.digests(kind))})

    def digests(self, kind: str | None = None) -> list[int]:
        """What the directory has at the copy's revision, of ``kind`` alone where one is given: 256 digests."""
        if kind is not None and not kind.isalpha():  # there is no such kind, and a comma would ask for several
            return [0] * 256
        asked = {"revision": self.revision, **({"kind": kind} if kind else {})}
        try:
            answer = json.loads(b"".join(self.lines(f"digest/?{urlencode(asked)}")))
        except HTTPError as error:
            if kind and error.code == 400:  # there is no such kind
                return [0] * 256
            raise
        [(epoch,)] = self.database.execute("SELECT epoch FROM state")
        if answer["epoch"] != epoch:
            raise StartOver
        return [int(digest, 16) for digest in answer["buckets"]]

    def repair(self, buckets: list[int]) -> None:
        """Put what the directory has now into ``buckets``; following the changes brings the others up to it."""
        for start in range(0, len(buckets), 50):
            some = buckets[start : start + 50]
            lines = self.lines(f"snapshot/?bucket={','.join(map(str, some))}")
            next(lines)
            with self.transaction() as database:
                others = sorted(BUCKETS.difference(some))  # and so rows go that are in no bucket at all
                marks = ",".join("?" * len(others))
                database.execute(f"DELETE FROM documents WHERE bucket NOT IN ({marks})", others)  # noqa: S608 - marks only
                self.store(lines)

    # What they are made of

    def store(self, lines: Iterator[bytes]) -> None:
        """Insert the objects of a snapshot; raises Incomplete where its end is missing."""
        rows = 0
        line = next(lines, b"{}")
        for following in lines:
            self.apply(line)
            line, rows = following, rows + 1
        if json.loads(line).get("rows") != rows:
            raise Incomplete("the snapshot broke off")

    def apply(self, line: bytes) -> None:
        """Make one object what a line of the snapshot or of the changes says."""
        record = json.loads(line)
        if record["document"] is None:
            self.database.execute("DELETE FROM documents WHERE id = ?", (record["id"],))
            return
        # The document's own bytes, which are what is digested: it is the last member of its line.
        document = line.partition(b',"document":')[2].rstrip(b"\n")[:-1].decode()
        values = (record["id"], record["kind"], bucket_of(record["id"]), document)
        self.database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", values)

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of an answer; raises StartOver, Hopeless, Incomplete, OSError."""
        request = Request(self.url + path, headers={"Accept-Encoding": "gzip"})  # noqa: S310 - the address we were given
        if self.key:
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        try:
            with urlopen(request, timeout=WAIT + 60) as answer:  # noqa: S310
                is_coded = answer.headers.get("Content-Encoding") == "gzip"
                yield from gzip.GzipFile(fileobj=answer) if is_coded else answer
        except HTTPError as error:
            if error.code == 410 or (
                error.code == 400 and "after=" in path
            ):  # a cursor that nobody can read any more
                raise StartOver from error
            if error.code in HOPELESS:
                raise Hopeless(f"{self.url} answers {error.code}: {HOPELESS[error.code]}") from error
            raise
        except (EOFError, HTTPException, zlib.error) as error:
            raise Incomplete("the answer broke off") from error

    def catch_up(self) -> None:
        """Seed the copy if it is empty, and apply all changes that there are."""
        if self.cursor is None:
            self.seed()
        while self.follow():
            pass

    def make_equal(self) -> int:
        """Catch up, prove, and repair until nothing differs; how many buckets were repaired."""
        repaired = 0
        self.catch_up()
        while differing := self.prove():
            repaired += len(differing)
            self.repair(differing)
            self.catch_up()
        return repaired

    def run(self, *, once: bool) -> None:
        """Be an exact copy from now on, whatever happens in between."""
        proved, pause = float("-inf"), 1.0
        while True:
            try:
                if time.monotonic() - proved > PROOF:
                    repaired = self.make_equal()
                    proved = time.monotonic()
                    say(f"Equal at revision {self.revision}; {repaired} buckets repaired.")
                    if once:
                        return
                self.follow(WAIT)
                pause = 1.0
            except StartOver:
                say("The log does not go on from here: starting over from the snapshot.")
                time.sleep(pause)
                pause = min(pause * 2, PATIENCE)
                with self.transaction() as database:
                    database.execute("UPDATE state SET cursor = NULL")
                proved = float("-inf")
            except (OSError, Incomplete, ValueError) as error:
                seconds = retry_after(error) or pause
                say(f"{error}; trying again in {seconds:.0f} s.")
                time.sleep(seconds)
                pause = min(pause * 2, PATIENCE)


def bucket_of(public_id: Any) -> int:
    """0 of what is no id, as in a damaged row, whatever it is."""
    try:
        return ALPHABET.index(public_id[1]) * 8 + ALPHABET.index(public_id[2]) // 4
    except (TypeError, IndexError, ValueError):
        return 0


def digest_of(document: Any) -> int:
    return int.from_bytes(hashlib.sha256(str(document).encode(errors="surrogateescape")).digest(), "big")


def differences(ours: list[int], theirs: list[int]) -> set[int]:
    """The numbers of the buckets whose digests differ."""
    return {number for number, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]}


def cursor_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["after"][0]


def retry_after(error: Exception) -> float:
    """How long the server asks to wait, 0 where it does not say."""
    text = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) else ""
    return float(text) if text.isdigit() else 0.0


def say(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="the API's root")
    parser.add_argument("path", help="the SQLite file")
    parser.add_argument("--once", action="store_true", help="end with the first proof that the copy is equal")
    options = parser.parse_args(arguments)
    key = os.environ.get("DIRECTORY_KEY", "").strip()
    if not (key.isascii() and "".join(key.split()) == key):
        sys.exit("DIRECTORY_KEY is no key: there are characters in it that no key has.")
    try:
        Mirror(options.url, options.path, key).run(once=options.once)
    except KeyboardInterrupt:
        sys.exit(130)
    except Hopeless as error:
        sys.exit(str(error))
    except sqlite3.OperationalError as error:
        sys.exit(f"{options.path} cannot be used: {error}.")
    except sqlite3.DatabaseError as error:
        sys.exit(f"{options.path} is damaged ({error}): move it away and start again, which makes a new copy.")


if __name__ == "__main__":
    main()
