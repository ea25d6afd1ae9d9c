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

from companies.additions import Writing, additions, refusal, write_companies
from companies.batches import Rules
from companies.cleaning import CleanRow, Unplaced, clean_company, meant_for
from companies.models import Company, Industry, Specialty
from companies.text import fold
from companies.unplaced import UnplacedValue
from companies.vocabulary import Term, Vocabularies, Vocabulary
from directory.models import Published, Source
from directory.publishing import edit, publication, serializer_class
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
                self.take_all(rows_now)
            yield len(rows_now)

    def prepare(self) -> None:
        """Read what the rows of a chunk are compared with."""

    def take_all(self, rows: list[tuple[int, Row]]) -> None:
        """Write numbered rows, each of which is counted in the report."""
        raise NotImplementedError


class TableImporter(Importer):
    """Rows whose columns are the document's fields, found again by their slug."""

    def take_all(self, rows: list[tuple[int, Row]]) -> None:
        for number, row in rows:
            try:
                with transaction.atomic():
                    self.write(*self.read(row))
            except ValidationError as error:
                self.report.refused.append((number, refusal(error)))

    def write(self, obj: Published | None, patch: dict[str, Any]) -> None:
        """Create the object, or add to it what it lacks."""
        if obj is None:
            edit(self.model(), patch, source=Source.IMPORT)
            self.report.created += 1
        elif added := additions(self.serializer.to_representation(obj), patch):
            edit(obj, added, source=Source.IMPORT)
            self.report.updated += 1
        else:
            self.report.unchanged += 1

    def read(self, row: Row) -> tuple[Published | None, dict[str, Any]]:
        """(the object that the row means, the row as a patch)."""
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
    """Rows about companies, as dirty as their sources; nobody is asked, so only the same name in the same place
    is the same company."""

    def __init__(self, *, status: str = Company.Status.DRAFT, **options: Any) -> None:
        super().__init__(Company, **options)
        self.private = {"status": status}

    def prepare(self) -> None:
        self.vocabularies, self.rules = read_vocabularies(), Rules()
        companies = Company.objects.values_list("name", "hub__slug", "pk")
        self.known = {(key(name), hub or ""): pk for name, hub, pk in companies}

    def take_all(self, rows: list[tuple[int, Row]]) -> None:
        cleaned = [(number, clean) for number, row in rows if (clean := self.cleaned(number, row))]
        while cleaned:
            # A row that means the same company as one before it waits until that is written.
            now: dict[Any, tuple[int, CleanRow]] = {}
            later = []
            for number, clean in cleaned:
                who = key(clean.patch["name"]), clean.patch.get("hub", "")
                if who in now:
                    later.append((number, clean))
                else:
                    now[who] = number, clean
            self.write_all(now)
            cleaned = later

    def cleaned(self, number: int, row: Row) -> CleanRow | None:
        try:
            return clean_company(row, self.vocabularies)
        except ValueError as error:
            self.report.refused.append((number, str(error)))
            return None

    def write_all(self, rows: Mapping[Any, tuple[int, CleanRow]]) -> None:
        writings = [
            Writing(clean.patch, self.known.get(who), private=self.private) for who, (_, clean) in rows.items()
        ]
        write_companies(writings, self.rules)
        said: list[tuple[int, str, str]] = []
        for (who, (number, clean)), writing in zip(rows.items(), writings, strict=True):
            unplaced = [*clean.unplaced, *writing.left_out]
            self.report.unplaced.extend((number, one) for one in unplaced)
            if writing.pk:
                said += [(writing.pk, meant_for(one.column), one.value) for one in unplaced]
            if writing.refusal:
                self.report.refused.append((number, writing.refusal))
            elif writing.before is None:
                self.known[who] = writing.pk  # type: ignore[assignment]
                self.report.created += 1
            elif writing.before:
                self.report.updated += 1
            else:
                self.report.unchanged += 1
        UnplacedValue.objects.keep(said)


def key(name: str) -> str:
    """A name as it is compared: without accents, case and punctuation."""
    return "".join(character for character in fold(name) if character.isalnum())


def read_vocabularies() -> Vocabularies:
    """The hubs, specialties and industries that rows are placed among."""
    return Vocabularies(*(vocabulary(model) for model in (Hub, Specialty, Industry)))


def vocabulary(model: Any) -> Vocabulary:
    return Vocabulary(tuple(Term(o.slug, o.name, tuple(o.aliases)) for o in model.objects.all()))
