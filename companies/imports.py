"""Rows of a table become objects of the directory: what they add is written, what they contradict is not.

An import never overwrites what the directory already says: it fills what is missing and adds to lists, so the same
file imported twice changes nothing. Rows that cannot be taken are refused, each with its reason; values that could
not be placed are reported; neither stops the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework.serializers import ValidationError

from companies.cleaning import CleanRow, Unplaced, clean_company
from companies.models import Company, Industry, Specialty
from companies.text import fold
from companies.vocabulary import Term, Vocabularies, Vocabulary
from directory.api.errors import pointers
from directory.models import Published, Source
from directory.publishing import edit, publication, serializer_class
from directory.websites import bare_domain
from hubs.models import Hub

# Rows in one publication: a curator's save waits no longer than these take.
CHUNK = 100

Row = Mapping[str, str | None]


@dataclass
class Report:
    """What an import did. Row numbers count from 1, without the header."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    unplaced: list[tuple[int, Unplaced]] = field(default_factory=list)


class Importer:
    """Imports rows of one kind; a subclass says how a row is read and which object it means."""

    private: Mapping[str, Any] = {}

    def __init__(
        self, model: type[Published], *, by: User | None = None, reason: str = "", chunk: int = CHUNK
    ) -> None:
        self.model, self.serializer = model, serializer_class(model)()
        self.by, self.reason, self.chunk = by, reason, chunk
        self.report = Report()

    def run(self, rows: Iterable[Row]) -> Iterator[int]:
        """Import ``rows`` in chunks, a revision each; yields the number of rows of each chunk."""
        numbered = iter(enumerate(rows, start=1))
        while rows_now := list(islice(numbered, self.chunk)):
            with publication(source=Source.IMPORT, by=self.by, reason=self.reason):
                self.prepare()
                for number, row in rows_now:
                    self.take(number, row)
            yield len(rows_now)

    def take(self, number: int, row: Row) -> None:
        try:
            with transaction.atomic():
                self.write(*self.read(number, row))
        except ValidationError as error:
            reasons = (f"{e['pointer'].strip('/')}: {e['detail']}" for e in pointers(error.detail))
            self.report.refused.append((number, " ".join(reasons)))
        except ValueError as error:
            self.report.refused.append((number, str(error)))

    def write(self, obj: Published | None, patch: dict[str, Any]) -> None:
        """Create the object, or add to it what it lacks."""
        if obj is None:
            saved = edit(self.model(), patch, source=Source.IMPORT, **self.private)
            self.report.created += 1
            self.remember(saved)
        elif added := additions(self.serializer.to_representation(obj), patch):
            edit(obj, added, source=Source.IMPORT)
            self.report.updated += 1
        else:
            self.report.unchanged += 1

    def prepare(self) -> None:
        """Read what the rows of a chunk are compared with."""

    def read(self, number: int, row: Row) -> tuple[Published | None, dict[str, Any]]:
        """(the object that the row means, the row as a patch); raises ValueError for a row to refuse."""
        raise NotImplementedError

    def remember(self, obj: Published) -> None:
        """Note a new object, so that a later row may mean it."""


class TableImporter(Importer):
    """Rows whose columns are the document's fields, found again by their slug."""

    def read(self, number: int, row: Row) -> tuple[Published | None, dict[str, Any]]:
        patch = {
            name: self.value(name, text) for name, text in row.items() if text and name in self.serializer.fields
        }
        slug = patch.get("slug") or self.model(**self.plain(patch)).slug_stem()
        return self.model._default_manager.filter(slug=slug).first(), patch

    def value(self, name: str, text: str) -> Any:
        is_list = hasattr(self.serializer.fields[name], "child")
        return [part.strip() for part in text.split(";")] if is_list else text

    def plain(self, patch: dict[str, Any]) -> dict[str, Any]:
        """The patch with related objects in the place of their slugs."""
        plain = dict(patch)
        for f in self.model._meta.concrete_fields:
            if f.related_model and f.name in patch:
                plain[f.name] = f.related_model._default_manager.filter(slug=patch[f.name]).first()
        return plain


class CompanyImporter(Importer):
    """Rows about companies, as dirty as their sources."""

    def __init__(self, *, status: str = Company.Status.DRAFT, **options: Any) -> None:
        super().__init__(Company, **options)
        self.private = {"status": status}

    def prepare(self) -> None:
        self.vocabularies = Vocabularies(*(vocabulary(model) for model in (Hub, Specialty, Industry)))
        self.by_name: dict[tuple[str, str], int] = {}
        self.by_domain: dict[str, tuple[int, str]] = {}
        for company in Company.objects.select_related("hub").only("name", "domain", "hub__slug"):
            self.remember(company)

    def remember(self, obj: Any) -> None:
        hub = obj.hub.slug if obj.hub else ""
        self.by_name[key(obj.name), hub] = obj.pk
        if obj.domain:
            self.by_domain[obj.domain] = obj.pk, obj.name

    def read(self, number: int, row: Row) -> tuple[Published | None, dict[str, Any]]:
        clean = clean_company(row, self.vocabularies)
        pk = self.by_name.get((key(clean.patch["name"]), clean.patch.get("hub", "")))
        self.yield_domain(clean, pk)
        self.report.unplaced.extend((number, unplaced) for unplaced in clean.unplaced)
        return Company.objects.for_document().filter(pk=pk).first(), clean.patch

    def yield_domain(self, clean: CleanRow, pk: int | None) -> None:
        """Leave a website to the company that has its domain already: who is right is a curator's question."""
        website = clean.patch.get("website", "")
        owner, name = self.by_domain.get(bare_domain(website), (None, ""))
        if owner not in (None, pk):
            clean.unplaced.append(Unplaced("website", f"{website} (is the domain of {name})"))
            del clean.patch["website"]


def key(name: str) -> str:
    """A name as it is compared: without accents, case and punctuation."""
    return "".join(character for character in fold(name) if character.isalnum())


def vocabulary(model: Any) -> Vocabulary:
    return Vocabulary(tuple(Term(o.slug, o.name, tuple(o.aliases)) for o in model.objects.all()))


def additions(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``patch`` that ``document`` lacks: values where it has none, and longer lists."""
    added = {}
    for name, value in patch.items():
        present = document.get(name)
        if isinstance(value, list):
            known = [identity(item) for item in present or []]
            new = [item for item in value if identity(item) not in known]
            if new:
                added[name] = [*(present or []), *new]
        elif present is None:
            added[name] = value
    return added


def identity(item: Any) -> Any:
    """What makes two items of a list the same: a slug, a hub, a reference, a scheme with its value."""
    if not isinstance(item, Mapping):
        return item
    for name in ("slug", "reference", "hub"):
        if name in item:
            return identity(item[name])
    return tuple(sorted((name, value) for name, value in item.items() if value))
