"""Taking a suggestion in: it is understood as an edit would be, and nothing is written but the suggestion itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.serializers import ListField, ListSerializer, ManyRelatedField, ValidationError

from companies.models import Company
from companies.serializers import CompanySerializer
from companies.suggestions import Suggestion, SuggestionQuerySet, merge_patch
from directory.api.addresses import decoded, successor
from directory.api.errors import Problem
from directory.api.fields import RangeField
from directory.api.serializers import is_child_list, saving, validate
from directory.lockout import network_of
from directory.models import Log, Revision, Version
from directory.publishing import Document
from directory.undoing import by_slug, written
from directory.websites import normal_website

# Where something is said to somebody else's address, only curators choose it.
NEVER_SUGGESTED = frozenset(["slug"])
WINDOW = timedelta(hours=1)
# Suggestions that are taken within the window.
FROM_ONE_SENDER, ON_ONE_COMPANY = 10, 20
# Classes of advisory locks: they only have to differ from others', and are taken in this order.
SENDERS, COMPANIES = 418_204, 418_205
# Companies that a name may lead through, each merged into the next.
HOPS = 10


@dataclass(frozen=True)
class Sent:
    """A suggestion as it arrived, its form checked."""

    patch: Document
    company: str | None = None
    revision: int | None = None
    evidence: list[str] = field(default_factory=list)
    email: str = ""


class TooMany(Exception):
    """Nothing was taken in: ``limit`` others came within WINDOW, and the next may in ``wait`` seconds."""

    def __init__(self, what: str, limit: int, wait: int) -> None:
        self.what, self.limit, self.wait = what, limit, wait
        super().__init__(f"{limit} suggestions an hour are taken {what}. Wait {wait} seconds.")


def propose(sent: Sent, address: str | None) -> Suggestion:
    """The suggestion, not yet saved.

    Raises rest_framework.serializers.ValidationError, naming each field as it was sent, where no curator could
    accept it.
    """
    company = named(sent.company) if sent.company else None
    revision, base = based_on(company, sent.revision)
    proposed = understood(company, base, sent.patch)
    return Suggestion(
        company=company,
        revision=revision,
        patch=sent.patch,
        base={name: base[name] for name in proposed} if company else {},
        proposed=proposed,
        evidence=list(dict.fromkeys(sent.evidence)),
        email=sent.email,
        sender=digest(address),
    )


def receive(suggestion: Suggestion) -> None:
    """Save it, unless too many came before it: raises TooMany. Exact, however many arrive at once."""
    with transaction.atomic():
        lock(SENDERS, suggestion.sender)
        limit(Suggestion.objects.filter(sender=suggestion.sender), FROM_ONE_SENDER, "from one address")
        if suggestion.company:
            lock(COMPANIES, suggestion.company.public_id)
            limit(suggestion.company.suggestions.all(), ON_ONE_COMPANY, "on one company")
        suggestion.save()


def lock(kind: int, name: str) -> None:
    """Wait for whoever counts the same; the transaction's end unlocks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [kind, name])


def limit(suggestions: SuggestionQuerySet, most: int, what: str) -> None:
    if came_at := suggestions.within(WINDOW).nth_arrival(most):
        raise TooMany(what, most, max(1, ceil((came_at + WINDOW - timezone.now()).total_seconds())))


def digest(address: str | None) -> str:
    """What tells senders apart and does not tell who they are."""
    return salted_hmac("companies.suggestions", network_of(address), algorithm="sha256").hexdigest()


def named(key: str) -> Company:
    """The public company with this id or slug, or what it has become; raises ValidationError where there is none."""
    public = Company.objects.published().for_document()
    for _ in range(HOPS):
        kind_number, pk = decoded(key)
        found = public.filter(pk=pk) if kind_number == Company.kind_number else public.filter(slug=key)
        if company := found.first():
            return company
        try:
            key = successor(Company, key)
        except Problem as problem:
            raise ValidationError({"company": [str(problem.detail)]}) from problem
    raise ValidationError({"company": ["It was merged too often to be followed: name the company that is left."]})


def based_on(company: Company | None, revision: int | None) -> tuple[int | None, Document]:
    """(revision, document as it is written) that a patch is based on; raises ValidationError without one."""
    if company is None:
        if revision is not None:
            raise ValidationError({"revision": ["A new company is based on no revision. Leave it out."]})
        return None, {}
    if revision is None:
        return company.revision, written("company", company.document) or {}
    if revision > Revision.objects.current():
        raise ValidationError({"revision": ["The directory has no such revision yet."]})
    if revision < (forgotten := Log.objects.forgotten()):
        raise ValidationError({"revision": [f"What was before revision {forgotten} is no longer kept."]})
    versions = Version.objects.filter(kind="company", object_id=company.pk, revision__lte=revision)
    version = versions.order_by("-pk").first()
    if version is None or version.document is None:
        raise ValidationError({"revision": ["The company was not public at this revision."]})
    return version.revision_id, written("company", version.document) or {}


def understood(company: Company | None, base: Document, patch: Document) -> Document:
    """Field → value of what differs from ``base``, as documents have it; raises ValidationError.

    ``company`` is given new values, but neither it nor anything else is saved.
    """
    try:
        values = Reading(company, base, patch).values()
    except ValidationError as error:
        raise ValidationError({"patch": in_document(error.detail)}) from error
    changed = {name: value for name, value in values.items() if value != base.get(name, empty(name))}
    if not changed:
        raise ValidationError({"patch": ["Nothing in it differs from what the document says."]})
    return changed


class Reading:
    """A patch as the serializer of companies reads it, up to where it would save."""

    def __init__(self, company: Company | None, base: Document, patch: Document) -> None:
        if refused := NEVER_SUGGESTED & patch.keys():
            raise ValidationError({name: ["Only curators choose it."] for name in refused})
        result = merge_patch(base, patch)
        wanted = {name: result.get(name, empty(name)) for name in patch}
        self.serializer = CompanySerializer(company, data=wanted, partial=company is not None)
        self.serializer.is_valid(raise_exception=True)
        self.names = list(patch)
        self.candidate = company or Company()

    def values(self) -> Document:
        """Field → value as documents have it, references by their slugs; raises ValidationError."""
        read, fields = dict(self.serializer.validated_data), self.serializer.fields
        several = {name: read.pop(name) for name in list(read) if is_several(fields.get(name))}
        for name, value in read.items():
            setattr(self.candidate, name, value)
        self.candidate.website = normal_website(self.candidate.website)
        with saving():
            validate(self.candidate)
            # Whose domain it is, curators are told: the other company may not be public.
            self.candidate.validate_constraints(exclude={"domain"})
        shown = {name: self.rendered(name, several) for name in self.names}
        return {name: by_slug(value) for name, value in orjson.loads(orjson.dumps(shown)).items()}

    def rendered(self, name: str, several: Mapping[str, Any]) -> Any:
        declared: Any = self.serializer.fields[name]
        if is_child_list(declared):
            return [declared.child.to_representation(row) for row in self.rows(name, several[name])]
        if name in several:
            return declared.to_representation(several[name])
        value = declared.get_attribute(self.candidate)
        return None if value is None else declared.to_representation(value)

    def rows(self, name: str, found: list[dict[str, Any]]) -> Iterator[Any]:
        relation = Company._meta.get_field(name)
        owner = relation.field.name  # type: ignore[union-attr]
        for position, row in enumerate(found):
            child = relation.related_model(**{owner: self.candidate}, **row)  # type: ignore[misc]
            with saving(at=[name, position]):
                validate(child, exclude=[owner])
            yield child


def is_several(declared: Any) -> bool:
    """Whether a field is of other rows than the company's own."""
    return isinstance(declared, (ManyRelatedField, ListSerializer))


def empty(name: str) -> Any:
    """What a document has in the place of what is not known."""
    return [] if isinstance(FIELDS.get(name), (ManyRelatedField, ListSerializer, ListField)) else None


def in_order(proposed: Document) -> list[str]:
    """The fields that something is suggested of, as they follow one another in a document."""
    return [name for name in SUGGESTED if name in proposed]


def in_document(detail: Any) -> Any:
    """A validation error's detail with each end of a range where the document has it."""
    if not isinstance(detail, Mapping):
        return detail
    moved: dict[str, Any] = {}
    for name, inner in detail.items():
        place = COLUMNS.get(name)
        if place:
            moved.setdefault(place[0], {})[place[1]] = inner
        else:
            moved[name] = inner
    return moved


FIELDS = CompanySerializer().fields
# What may be suggested.
SUGGESTED = [name for name, declared in FIELDS.items() if not declared.read_only and name not in NEVER_SUGGESTED]
# Column → (field, end) of a range.
COLUMNS = {
    column: (name, end)
    for name, declared in FIELDS.items()
    if isinstance(declared, RangeField)
    for end, column in declared.columns.items()
}
