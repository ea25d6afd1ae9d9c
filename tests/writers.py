"""Writers of a served directory, by every way there is: they note what they saw committed, and what they took back.

A note is a row that is written in the transaction of the edit it tells of, so whether an edit that was cut off was
committed is known afterwards.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import psycopg
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError, connection
from rest_framework.serializers import ValidationError

from companies.background import carry_on
from companies.merging import merge_companies, undo_merge
from companies.models import Company, Merge
from companies.staged import State
from companies.staging import receive
from directory.models import Published, Revision, Source
from directory.postgres.server import Server
from directory.publishing import edit, publication, sweep
from directory.undoing import CannotUndo, undo
from hubs.models import Hub
from tests.curators import signed_in
from tests.test_admin import Form, url_of

NOTES = "CREATE TABLE torture_note (token text PRIMARY KEY, way text, kind text, object_id bigint, before text)"
NOTE = "INSERT INTO torture_note VALUES (%s, %s, %s, %s, %s)"
RAW = """
    WITH old AS (SELECT id, description FROM companies_company WHERE id = %(pk)s FOR UPDATE),
    new AS (UPDATE companies_company AS row SET description = %(token)s FROM old WHERE row.id = old.id)
    INSERT INTO torture_note SELECT %(token)s, 'raw', 'company', id, description FROM old
"""
# Some that are published are withdrawn, and come back later: those which no merge has taken.
WITHDRAW = """
    UPDATE companies_company SET status = CASE status WHEN 'published' THEN 'withdrawn' ELSE 'published' END
    WHERE id IN (
        SELECT id FROM companies_company WHERE id %% 4 = 1 AND status IN ('published', 'withdrawn')
        AND NOT EXISTS (SELECT FROM companies_merge WHERE drop_id = companies_company.id)
        ORDER BY id OFFSET %s LIMIT 3 FOR UPDATE
    )
"""
RENAME = """
    UPDATE hubs_hub SET name = split_part(name, ' t', 1) || ' ' || %s
    WHERE id = (SELECT id FROM hubs_hub WHERE slug <> 'lahore' ORDER BY random() LIMIT 1)
"""
LETTERS = "bcdfghjklmnpqrstvwxz"
# What cuts an edit off from its outcome.
CUT_OFF = (OperationalError, InterfaceError, psycopg.OperationalError, OSError, http.client.HTTPException)
# What a curator is refused.
REFUSED = (ValidationError, CannotUndo, ObjectDoesNotExist)


class RolledBack(Exception):
    """What a writer raises on purpose."""


@dataclass
class Account:
    """What the writers know of their edits."""

    # Token → its way, of those that were told to be committed.
    committed: dict[str, str] = field(default_factory=dict)
    taken_back: list[str] = field(default_factory=list)
    # (token, company) of edits in the admin that were answered as saved.
    saved: list[tuple[str, int]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: int = 0

    def begin(self, edits: int) -> bool:
        """Whether one more edit is to be made, of so many in all."""
        with self.lock:
            self.begun += 1
            return self.begun <= edits

    def count(self, way: str, outcome: str) -> None:
        with self.lock:
            self.outcomes[outcome] += 1
            self.outcomes[f"{way}: {outcome}"] += 1


class Browser:
    """A curator's, signed in with a second factor."""

    def __init__(self, user: User, port: int) -> None:
        self.port = port
        self.cookies = {"sessionid": signed_in(user).cookies["sessionid"].value}

    def send(self, method: str, path: str, form: dict[str, Any] | None = None) -> tuple[int, str, bytes]:
        """(status, where it leads, body); raises OSError, HTTPException."""
        there = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            there.request(method, path, urlencode(form or {}, doseq=True), headers)
            answer = there.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, _, rest = cookie.partition("=")
                self.cookies[name] = rest.partition(";")[0]
            return answer.status, answer.headers.get("Location", ""), answer.read()
        finally:
            there.close()


class Writer:
    """One of those who write at once; ``number`` seeds what it does."""

    def __init__(self, number: int, seed: int, account: Account, browser: Browser) -> None:
        self.number, self.account, self.browser = number, account, browser
        self.chance = random.Random(f"{seed}.{number}")
        self.edits = 0
        # Of somebody who knows nothing of the application.
        self.database: psycopg.Connection | None = None
        # What an admin's page or an import costs is some hundred times what a raw edit does.
        self.ways: dict[Callable[[str], str], int] = {
            self.edit: 36,
            self.raw: 24,
            self.take_back: 8,
            self.admin: 6,
            self.raw_take_back: 5,
            self.withdraw: 5,
            self.rename: 4,
            self.merge: 2,
            self.raw_rename: 2,
            self.undo: 2,
            self.sweep: 2,
            self.bring: 1,
            self.delete: 1,
        }

    def run(self, edits: int) -> None:
        while self.account.begin(edits):
            self.edits += 1
            way = self.chance.choices(list(self.ways), list(self.ways.values()))[0]
            name = way.__name__
            try:
                self.account.count(name, way(f"t{self.number}x{self.edits}x"))
            except REFUSED:
                self.account.count(name, "refused")
            except CUT_OFF as error:
                self.account.count(name, "refused" if "lock timeout" in str(error) else "cut off")
                self.disconnect()
                time.sleep(self.chance.random())
            except Exception as error:
                self.account.faults.append(f"{name} failed: {type(error).__name__}: {error}"[:300])
                self.disconnect()
        self.disconnect()

    def disconnect(self) -> None:
        connection.close()
        if self.database:
            self.database.close()
            self.database = None

    # Where it writes: the rest of a company's number by four says what else happens to it.

    def company(self, *rests: int) -> Company:
        """A company that the world sees, one of a few as often as any other."""
        pks = Company.objects.filter(status="published").order_by("pk").values_list("pk", flat=True)
        found = [pk for pk in pks if pk % 4 in rests]
        if not found:
            raise ValidationError("There is none left.")
        return Company.objects.get(pk=self.chance.choice(found[:8] if self.chance.random() < 0.5 else found))

    def noted(self, token: str, way: str, obj: Published, before: str = "") -> None:
        with connection.cursor() as cursor:
            cursor.execute(NOTE, [token, way, obj._meta.model_name, obj.pk, before])

    def committed(self, token: str, way: str) -> str:
        with self.account.lock:
            self.account.committed[token] = way
        return "committed"

    def pause(self) -> None:
        time.sleep(self.chance.random() * 0.005)

    # By the application

    def edit(self, token: str) -> str:
        chosen = self.company(0, 1, 2, 3)
        with publication(source=Source.ADMIN, reason=f"Edit {token}"):
            saved = edit(chosen, {"summary": token, "founded_year": 1990 + self.number}, source=Source.ADMIN)
            is_seen = saved.is_public
            self.noted(token, "edit" if is_seen else "hidden", saved)
            self.pause()
        return self.committed(token, "edit")

    def take_back(self, token: str) -> str:
        self.account.taken_back.append(token)
        try:
            with publication(source=Source.ADMIN):
                edit(self.company(0, 1, 2, 3), {"summary": token}, source=Source.ADMIN)
                self.noted(token, "taken back", Hub.objects.all()[0])
                self.pause()
                raise RolledBack
        except RolledBack:
            return "rolled back"

    def rename(self, token: str) -> str:
        hubs = Hub.objects.exclude(slug="lahore")
        hub = hubs[self.chance.randrange(hubs.count())]
        stem = hub.name.partition(" t")[0]
        patch = {"name": f"{stem} {token}"} | ({"slug": f"{hub.pk}-{token}"} if self.chance.random() < 0.3 else {})
        with publication(source=Source.ADMIN):
            self.noted(token, "edit", edit(hub, patch, source=Source.ADMIN))
        return self.committed(token, "edit")

    def merge(self, token: str) -> str:
        if self.chance.random() < 0.3:
            standing = Merge.objects.standing().order_by("?").first()
            if standing:
                undo_merge(standing, by=None)
                return "committed"
        keep, drop = self.company(2, 3), self.company(1)
        with publication(source=Source.ADMIN):
            merge = merge_companies(keep=keep, drop=drop, choices={}, by=None, reason=token)
            self.noted(token, "gone" if merge.status == "published" else "hidden", drop)
        return self.committed(token, "gone")

    def delete(self, token: str) -> str:
        with publication(source=Source.ADMIN):
            company = Company.objects.select_for_update().get(pk=self.company(1).pk)
            if Merge.objects.filter(drop=company).exists() or Merge.objects.filter(keep=company).exists():
                return "refused"
            self.noted(token, "gone" if company.is_public else "hidden", company)
            company.delete()
        return self.committed(token, "gone")

    def undo(self, token: str) -> str:
        done = list(Revision.objects.filter(reason__startswith="Edit t").order_by("-pk")[:20])
        # Of some, an undo would take back raw edits that the same revision published.
        done = [one for one in done if all(version.object_id % 4 for version in one.versions.all())]
        if not done:
            return "refused"
        undo(self.chance.choice(done), by=None)
        return "committed"

    def bring(self, token: str) -> str:
        """An import of new companies and of facts of known ones, applied here or by the worker."""
        known = [self.company(2, 3) for _ in range(2)]
        rows = [f"{self.new_name()},lahore,{token}" for _ in range(self.chance.randint(2, 8))]
        rows += [f"{company.name.replace(',', ' ')},{company.hub.slug if company.hub else ''}," for company in known]
        batch = receive(f"{token}.csv", "\n".join(["name,hub,summary", *rows]).encode(), by=None, reason=token)
        batch.status, batch.state = Company.Status.PUBLISHED, State.STAGING
        batch.save(update_fields=["status", "state"])
        while batch.state == State.STAGING:
            carry_on(batch)
        batch.move(State.APPLYING)
        if self.chance.random() < 0.5:
            while batch.is_busy:
                carry_on(batch)
        return "committed"

    def new_name(self) -> str:
        return " ".join("".join(self.chance.choices(LETTERS, k=7)).title() for _ in range(2))

    def sweep(self, token: str) -> str:
        sweep(chunk=20)
        return "committed"

    # Behind its back

    @contextmanager
    def outside(self) -> Iterator[psycopg.Connection]:
        """A transaction outside of the application."""
        if self.database is None:
            where = Server.at(settings.DATA_DIR / "postgres").join()
            self.database = psycopg.connect(host=str(where), user="postgres", dbname="postgres")
        with self.database.transaction():
            yield self.database

    def raw(self, token: str) -> str:
        pk = self.company(0).pk
        with self.outside() as database:
            database.execute(RAW, {"pk": pk, "token": token})
        return self.committed(token, "raw")

    def raw_take_back(self, token: str) -> str:
        self.account.taken_back.append(token)
        pk = self.company(0).pk
        with self.outside() as database:
            database.execute(RAW, {"pk": pk, "token": token})
            self.pause()
            raise psycopg.Rollback
        return "rolled back"

    def raw_rename(self, token: str) -> str:
        with self.outside() as database:
            database.execute(RENAME, [token])
        return "committed"

    def withdraw(self, token: str) -> str:
        with self.outside() as database:
            database.execute(WITHDRAW, [self.chance.randrange(100)])
        return "committed"

    # Over HTTP

    def admin(self, token: str) -> str:
        company = self.company(0, 2, 3)
        path = url_of(company)
        status, leads, page = self.browser.send("GET", path)
        if status != 200:
            return self.answered(status, leads)
        form = Form(SimpleNamespace(content=page)).data
        form = {name: value for name, value in form.items() if "__prefix__" not in name}
        self.pause()
        status, leads, _ = self.browser.send("POST", path, form | {"summary": token})
        if status == 302 and leads.startswith("/admin/"):
            with self.account.lock:
                self.account.saved.append((token, company.pk))
            return "committed"
        return self.answered(status, leads)

    def answered(self, status: int, leads: str) -> str:
        if status == 200:  # the form again: somebody else changed the same
            return "refused"
        if status >= 500:
            return "cut off"
        raise AssertionError(f"the admin answered {status} {leads}")
