"""Staging: every row of an import is cleaned, matched against the directory, and kept with what is to become of it.

Certain: the row adds to that company. Possible: a curator decides. None: it is a new one. Rows that nothing can
come of are refused, each with its reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from rest_framework.serializers import ValidationError

from companies.additions import refusal
from companies.batches import remember_references, validated
from companies.cleaning import CleanRow, choose_fields, clean_company
from companies.files import Refused, Row, read_table
from companies.imports import read_vocabularies
from companies.matching import Certainty as Certain
from companies.matching import Facts, Match, Matcher, best, find_all
from companies.models import Company
from companies.serializers import CompanySerializer
from companies.staged import Certainty, Decision, Import, ImportRow, State
from directory.copying import copy_rows

CHUNK = 1000
CANDIDATES = 5
COLUMNS = (
    *("batch_id", "number", "raw", "patch", "unplaced", "certainty", "candidates", "decision"),
    *("company_id", "same_as", "reasons", "done"),
)

Patch = Mapping[str, Any]


def receive(name: str, content: bytes, *, by: User | None, reason: str = "") -> Import:
    """Keep a file, with a guess at what its columns are; raises Refused for one that cannot be read."""
    table = read_table(name, content)
    if next(table.rows, None) is None:
        raise Refused("The file has a header and no row below it.")
    return Import.objects.create(
        name=name[-200:],
        kind=table.kind,
        digest=hashlib.sha256(content).hexdigest(),
        content=content,
        columns=table.columns,
        mapping=choose_fields(table.columns),
        by=by,
        reason=reason,
    )


def stage(batch: Import) -> None:
    """Stage all rows anew, in one transaction: as staged, or as failed where one of them cannot be read."""
    with transaction.atomic():
        # Another worker may have been at the same.
        batch = Import.objects.select_for_update().get(pk=batch.pk)
        if batch.state != State.STAGING:
            return
        batch.rows.all().delete()
        batch.newest = Company.objects.aggregate(newest=Max("pk"))["newest"] or 0
        batch.save(update_fields=["newest"])
        try:
            with transaction.atomic():
                sorter = Sorter(batch.mapping, batch.reason)
                rows = read_table(batch.name, bytes(batch.content)).rows
                while piece := list(islice(rows, CHUNK)):
                    sort_and_copy(batch, sorter, piece)
        except Refused as error:
            batch.move(State.FAILED, str(error))
        else:
            batch.move(State.STAGED)


def sort_and_copy(batch: Import, sorter: Sorter, rows: list[tuple[int, Row]]) -> None:
    sorted_rows = sorter.sort(rows)
    copy_rows(
        ImportRow,
        COLUMNS,
        (
            (batch.pk, number, dumped(raw), *rest, False)
            for (number, raw), rest in zip(rows, sorted_rows, strict=True)
        ),
    )


class Sorter:
    """Says what is to become of each row. It looks at the directory, and knows the rows that it has seen."""

    def __init__(self, mapping: Mapping[str, str], source: str = "") -> None:
        self.mapping, self.source = mapping, source
        self.vocabularies = read_vocabularies()
        self.seen = Matcher()
        self.serializer = CompanySerializer()
        remember_references(self.serializer)

    def sort(self, rows: list[tuple[int, Row]]) -> list[tuple[Any, ...]]:
        """(patch, unplaced, certainty, candidates, decision, company, same as, reasons) of each row."""
        cleaned = [self.clean(raw) for _, raw in rows]
        known = [facts_of(clean.patch) for clean in cleaned if isinstance(clean, CleanRow)]
        matches = iter(find_all(known, Company.objects.all(), CANDIDATES).matches)
        facts = iter(known)
        return [
            refused(clean) if isinstance(clean, str) else self.place(number, clean, next(facts), next(matches))
            for (number, _), clean in zip(rows, cleaned, strict=True)
        ]

    def clean(self, raw: Row) -> CleanRow | str:
        """The row, or why it is refused."""
        try:
            clean = clean_company(raw, self.vocabularies, self.mapping, source=self.source)
            validated(self.serializer, clean.patch)
        except ValidationError as error:
            return refusal(error)
        except ValueError as error:
            return str(error)
        return clean

    def place(self, number: int, clean: CleanRow, known: Facts, in_directory: list[Match]) -> tuple[Any, ...]:
        matches = best([*in_directory, *self.seen.match(known, CANDIDATES)], CANDIDATES)
        certain = {match.pk for match in matches if match.certainty == Certain.CERTAIN}
        company = same_as = None
        if not matches:
            certainty, decision = Certainty.NONE, Decision.CREATE
        elif len(certain) == 1:
            certainty, decision = Certainty.CERTAIN, Decision.UPDATE
            [pk] = certain
            company, same_as = (pk, None) if pk > 0 else (None, -pk)
        else:
            certainty, decision = Certainty.POSSIBLE, Decision.UNDECIDED
        if decision != Decision.UPDATE:
            # A later row may mean what this one is about; few do, so nothing is kept that was worked out of it.
            self.seen.add(-number, known)
            self.seen.facts[-number] = replace(known)
        candidates = [[match.pk, match.score, match.reasons] for match in matches]
        return (
            *(dumped(clean.patch), dumped([*map(list, clean.unplaced)]), certainty.value, dumped(candidates)),
            *(decision.value, company, same_as, "[]"),
        )


def refused(reason: str) -> tuple[Any, ...]:
    return "{}", "[]", Certainty.NONE.value, "[]", Decision.REFUSED.value, None, None, dumped([reason])


def dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


def facts_of(patch: Patch) -> Facts:
    """What a row tells the matcher."""
    return Facts(
        name=patch["name"],
        legal_name=patch.get("legal_name", ""),
        aliases=tuple(patch.get("aliases", ())),
        website=patch.get("website", ""),
        hub=patch.get("hub", ""),
        identifiers=frozenset((one["scheme"], one["value"]) for one in patch.get("identifiers", ())),
    )


def decide(row: ImportRow, choice: str) -> None:
    """Settle a row by hand: ``new``, ``skip``, or the company, or minus the number of the earlier row, that it is.

    Raises ValueError for a choice that the row does not offer.
    """
    offered = {str(pk): pk for pk, _, _ in row.candidates}
    if choice not in {"new", "skip", *offered} or row.done or row.decision == Decision.REFUSED:
        raise ValueError(choice)
    pk = offered.get(choice)
    row.company_id = pk if pk and pk > 0 else None
    row.same_as = -pk if pk and pk < 0 else None
    row.decision = Decision.UPDATE if pk else Decision.CREATE if choice == "new" else Decision.SKIP
    row.save(update_fields=["company", "same_as", "decision"])
