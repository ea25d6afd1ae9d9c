"""Reconciling: the candidates that the Reconciliation Service API proposes for each of many queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from companies.completions import FITS, KINDS, Typed, fitting
from companies.hosts import own_domain
from companies.identifiers import Scheme, check_identifier
from companies.recognising import Asked, hubs_of, normal_identifier, recognise, with_scheme
from companies.resolving import resolve
from companies.text import fold
from directory import ids
from directory.api.vocabulary import vocabulary_of
from directory.api.words import words_of
from partners.extending import TYPES, Document, documents, entity, properties, values_of

TERMS = tuple(kind for kind in KINDS if kind != "company")
# How a term fits what was asked → its score.
SCORES = dict(zip(FITS, (100, 70, 60, 50), strict=True))


@dataclass(frozen=True)
class Condition:
    """What a property should be: ``any``, ``all`` or ``none`` of some values."""

    property: str
    values: tuple[str, ...]
    is_required: bool = False
    quantifier: str = "any"


@dataclass(frozen=True)
class Query:
    """What to look for: a name, or whatever else tells of one entity."""

    text: str
    types: tuple[str, ...]
    limit: int
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Draft:
    """An entity that a query may mean, with a score of 0 to 100."""

    kind: str
    pk: int
    score: int
    is_certain: bool = False


def candidates(queries: Sequence[Query], revision: int) -> list[list[dict[str, Any]]]:
    """The candidates of each query, the best first; as many queries of the database for fifty as for one."""
    meant = meanings(queries, revision)
    drafts = [list(found) for found in drafted(queries, meant, revision)]
    known = documents((draft.kind, draft.pk) for found in drafts for draft in found)
    return [
        proposed(query, [draft for draft in found if (draft.kind, draft.pk) in known], known, meant)
        for query, found in zip(queries, drafts, strict=True)
    ]


def meanings(queries: Sequence[Query], revision: int) -> dict[str, str]:
    """The slugs of what conditions name by an id, and of hubs by any of their names."""
    told = [(one.property, value) for query in queries for one in query.conditions for value in one.values]
    meant = hubs_of([value for name, value in told if name == "hub"], revision)
    for _, value in told:
        if (found := entity(value)) and found[0] != "company":
            slugs = {pk: slug for slug, pk in vocabulary_of(KINDS[found[0]], revision).pks.items()}
            meant |= {value: slugs[found[1]]} if found[1] in slugs else {}
    return meant


def drafted(queries: Sequence[Query], meant: dict[str, str], revision: int) -> Iterator[Iterator[Draft]]:
    companies = iter(company_drafts([query for query in queries if "company" in query.types], meant, revision))
    for query, words in zip(queries, words_of([query.text for query in queries]), strict=True):
        own = next(companies) if "company" in query.types else []
        typed = Typed(query.text, tuple(words))
        yield (draft for found in (own, term_drafts(query, typed, revision)) for draft in found)


def company_drafts(queries: Sequence[Query], meant: dict[str, str], revision: int) -> Iterator[list[Draft]]:
    """What the matcher says of companies."""
    told = iter(recognise([query.text for query in queries if query.text], revision, slugs=False))
    asked = [knowing(next(told) if query.text else Asked("name"), query, meant) for query in queries]
    most = max((query.limit for query in queries), default=0)
    for resolution in resolve(asked, most):
        yield [
            Draft("company", found.company.pk, round(100 * found.score), found is resolution.chosen)
            for found in resolution.candidates
        ]


def knowing(asked: Asked, query: Query, meant: dict[str, str]) -> Asked:
    """With what the query’s properties tell beside its name."""
    more: dict[str, Any] = {}
    identifiers = set()
    for condition in query.conditions:
        if condition.quantifier == "none" or not condition.values:
            continue
        first = condition.values[0]
        if condition.property == "hub":
            more["hub"] = meant.get(first) or fold(first)
        elif condition.property in ("website", "domain"):
            more["website"] = with_scheme(first)
        elif condition.property == "legal_name":
            more["legal_name"] = first
        elif condition.property in Scheme.values:
            value = normal_identifier(condition.property, first)
            identifiers |= set() if check_identifier(condition.property, value) else {(condition.property, value)}
    if identifiers:
        more["identifiers"] = frozenset(identifiers)
    return asked.knowing(**more) if more and not (asked.pk or asked.why) else asked


def term_drafts(query: Query, typed: Typed, revision: int) -> Iterator[Draft]:
    """What hubs, specialties, industries and programs have that name, or a part of it."""
    found = entity(query.text)
    if found and found[0] in query.types and found[0] != "company":
        yield Draft(*found, 100, is_certain=True)
    elif typed.key:
        for kind in TERMS:
            if kind in query.types:
                vocabulary = vocabulary_of(KINDS[kind], revision)
                for slug, fit in fitting(typed, vocabulary):
                    yield Draft(kind, vocabulary.pks[slug], SCORES[fit], is_certain=fit == "exact")


def proposed(
    query: Query, drafts: list[Draft], known: dict[tuple[str, int], Document], meant: dict[str, str]
) -> list[dict[str, Any]]:
    """The candidates of a query as they are sent; a match is alone certain, and agrees with all said."""
    agrees = [[agreeing(known[draft.kind, draft.pk], one, meant) for one in query.conditions] for draft in drafts]
    certain = [draft for draft, said in zip(drafts, agrees, strict=True) if draft.is_certain and all(said)]
    found = [
        candidate(query, draft, known[draft.kind, draft.pk], said, is_match=[draft] == certain)
        for draft, said in zip(drafts, agrees, strict=True)
        if all(said[n] for n, condition in enumerate(query.conditions) if condition.is_required)
    ]
    found.sort(key=lambda one: (not one["match"], -one["score"], one["name"]))
    return found[: query.limit]


def candidate(
    query: Query, draft: Draft, document: Document, agrees: list[bool], *, is_match: bool
) -> dict[str, Any]:
    described = description(document)
    named = properties()
    return {
        "id": ids.encode(KINDS[draft.kind].kind_number, draft.pk),
        "name": document["name"],
        **({"description": described} if described else {}),
        "type": [{"id": draft.kind, "name": TYPES[draft.kind]}],
        "score": draft.score,
        "match": is_match,
        "features": [
            {"id": condition.property, "name": f"{named[condition.property].name} agrees", "value": agrees[n]}
            for n, condition in enumerate(query.conditions)
        ],
    }


def description(document: Document) -> str:
    """What tells an entity from others of its name: where it is, and its domain."""
    hub = document.get("hub") or {}
    return ", ".join(filter(None, (hub.get("name"), document.get("domain"), document.get("province_name"))))


def agreeing(document: Document, condition: Condition, meant: dict[str, str]) -> bool:
    """Whether a document’s property has the values, however they are written."""
    has = {spelling for value in values_of(document, condition.property) for spelling in spellings(value)}
    wanted = [{fold(meant.get(value, value)), fold(value)} for value in condition.values]
    if condition.property in ("website", "domain"):
        has, wanted = {str(document.get("domain"))}, [{own_domain(with_scheme(value))} for value in condition.values]
    elif condition.property in Scheme.values:
        wanted = [{fold(normal_identifier(condition.property, value))} for value in condition.values]
    hits = [bool(has & one) for one in wanted]
    return {"any": any(hits), "all": all(hits), "none": not any(hits)}[condition.quantifier]


def spellings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {fold(value["slug"]), fold(value["name"])}
    return {fold({True: "true", False: "false"}[value] if isinstance(value, bool) else str(value))}
