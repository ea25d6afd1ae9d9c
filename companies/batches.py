"""Many companies written at once: validated one by one as their serializer does, stored by a few statements.

``edit()`` asks the database some twenty times for each company. Here what all of them name is read once, and each
table is written once; what the database refuses is found by whoever called, who then writes one at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.db.models import Value
from rest_framework.fields import SkipField
from rest_framework.serializers import ListSerializer, ManyRelatedField, ValidationError

from companies.models import Company
from companies.serializers import CompanySerializer
from directory.api.fields import Reference
from directory.api.serializers import is_child_list, saving
from directory.copying import copy_objects, copy_rows, give_keys
from directory.models import Address, is_id
from directory.publishing import Document
from directory.undoing import by_slug
from directory.websites import bare_domain, normal_website

Patch = Mapping[str, Any]


class Rules:
    """How companies are written: their serializers, knowing all that they can refer to, read once for many rows."""

    def __init__(self) -> None:
        self.whole, self.partial = CompanySerializer(), CompanySerializer(partial=True)
        remember_references(self.whole, self.partial)
        self.related = {f.name: f for f in Company._meta.many_to_many}
        self.children = [name for name, field in self.whole.fields.items() if is_child_list(field)]
        # What a patch does not name needs no look; a reference was just found, and slugs are the database's affair.
        self.unchecked = {f.name for f in Company._meta.fields}

    def built(self, patch: Patch) -> tuple[Company, dict[str, list[Any]]]:
        """A company of this document and what is related to it, not stored.

        Raises rest_framework.serializers.ValidationError, naming each field.
        """
        data = validated(self.whole, patch)
        related = {name: data.pop(name) for name in (*self.related, *self.children) if name in data}
        company = Company(**data)
        with saving():
            company.clean_fields(exclude=self.unchecked - (data.keys() - {"slug", "hub"}))
        company.website = normal_website(company.website)
        company.domain = bare_domain(company.website)
        for name in self.children:
            related[name] = self.built_children(company, name, related.get(name, ()))
        return company, related

    def filled(self, company: Company, added: Patch) -> tuple[list[str], dict[str, list[Any]]]:
        """Set on a company what ``added`` says; lists in it begin with what the company has already.

        Returns the names of its columns that are to be stored, and what is new of what is related to it. Raises
        rest_framework.serializers.ValidationError, naming each field.
        """
        data = validated(self.partial, added)
        related = {name: data.pop(name) for name in (*self.related, *self.children) if name in data}
        for name, value in data.items():
            setattr(company, name, value)
        with saving():
            company.clean_fields(exclude=self.unchecked - (data.keys() - {"slug", "hub"}))
        new = {name: self.without_present(company, name, rows) for name, rows in related.items()}
        if "website" in data:
            company.domain = bare_domain(company.website)
        return [*data, *(["domain"] if "website" in data else [])], new

    def without_present(self, company: Company, name: str, rows: list[Any]) -> list[Any]:
        """What is new in a list that begins with what the company has."""
        present = list(getattr(company, name).all())
        if name in self.children:
            return self.built_children(company, name, rows[len(present) :])
        known = {other.pk for other in present}
        return [other for other in rows if other.pk not in known]

    def built_children(self, company: Company, name: str, rows: Iterable[dict[str, Any]]) -> list[Any]:
        relation: Any = Company._meta.get_field(name)
        owner = relation.field.name
        children = []
        for position, row in enumerate(rows):
            child = relation.related_model(**{owner: company}, **row)
            with saving(at=[name, position]):
                child.clean_fields(exclude=[f.name for f in child._meta.concrete_fields if f.is_relation])
                child.clean()
            children.append(child)
        return children


class Batch:
    """Companies to create and to add to by ``rules``, inside one publication; nothing is stored before ``write()``.

    ``patches`` are those that will be asked for, so that the owners of their domains are read at once.
    """

    def __init__(self, rules: Rules, patches: Iterable[Patch]) -> None:
        self.rules = rules
        self.created: list[Company] = []
        self.changed: list[tuple[Company, list[str]]] = []
        self.links: dict[str, list[tuple[Company, int]]] = defaultdict(list)
        self.parts: dict[type[Any], list[Any]] = defaultdict(list)
        domains = {bare_domain(patch.get("website") or "") for patch in patches} - {""}
        # Of many values PostgreSQL does not see by itself that none is empty, as the index wants it.
        owners = Company.objects.exclude(domain="").filter(domain__any=Value(list(domains)), shares_domain=False)
        self.owners = {domain: (pk, name) for pk, domain, name in owners.values_list("pk", "domain", "name")}

    def without_taken_website(self, patch: Patch, company: Company | None) -> tuple[Patch, str]:
        """Leave a website to the company that has its domain already: who is right is a curator's question.

        Returns the patch, and what is to be said of the website that it lost.
        """
        website = patch.get("website") or ""
        pk, name = self.owners.get(bare_domain(website), (None, ""))
        if name and (company is None or pk != company.pk):
            rest = {field: value for field, value in patch.items() if field != "website"}
            return rest, f"{website} (is the domain of {name})"
        return patch, ""

    def new(self, patch: Patch, **private: Any) -> Company:
        """A company of this document; raises rest_framework.serializers.ValidationError, naming each field."""
        company, related = self.rules.built(patch)
        for name, value in private.items():
            setattr(company, name, value)
        self.created.append(company)
        if company.domain:
            self.owners[company.domain] = (None, company.name)
        for name, objects in related.items():
            self.relate(company, name, objects)
        return company

    def add(self, company: Company, added: Patch) -> None:
        """Fill what ``added`` says; lists in it begin with what the company has already.

        Raises rest_framework.serializers.ValidationError, naming each field.
        """
        columns, related = self.rules.filled(company, added)
        if "domain" in columns:
            self.owners[company.domain] = (company.pk, company.name)
        for name, objects in related.items():
            self.relate(company, name, objects)
        if columns:
            self.changed.append((company, columns))

    def relate(self, company: Company, name: str, objects: Iterable[Any]) -> None:
        if name in self.rules.related:
            self.links[name].extend((company, other.pk) for other in objects)
        else:
            for child in objects:
                self.parts[type(child)].append(child)

    def write(self) -> None:
        """Store all of them. Raises django.db.IntegrityError or DataError where the database refuses any."""
        give_slugs(self.created)
        give_keys(self.created)
        copy_objects(self.created)
        for company, columns in self.changed:
            company.save(update_fields=columns)
        for name, pairs in self.links.items():
            field = self.rules.related[name]
            ends = field.m2m_column_name(), field.m2m_reverse_name()
            copy_rows(getattr(Company, name).through, ends, ((company.pk, other) for company, other in pairs))
        for children in self.parts.values():
            for child in children:
                child.company_id = child.company.pk  # which it had not yet when the child was made
            copy_objects(children)


def validated(serializer: Any, patch: Patch) -> dict[str, Any]:
    """What ``run_validation()`` returns or raises; it asks every field, this only those of the patch."""
    fields = serializer.fields
    if set(patch) <= fields.keys() and (serializer.partial or patch.get("name")):
        data: dict[str, Any] = {}
        try:
            for name, value in patch.items():
                field = fields[name]
                if field.read_only:
                    break
                set_value(data, field.source_attrs, field.run_validation(value))
            else:
                return data
        except (ValidationError, SkipField):
            pass  # of which the whole knows how to tell
    found: dict[str, Any] = serializer.run_validation(patch)
    return found


def set_value(data: dict[str, Any], path: list[str], value: Any) -> None:
    """As DRF files a validated value: several columns where a field, such as a range, has no name of its own."""
    if path:
        data[path[0]] = value
    else:
        data.update(value)


def remember_references(*serializers: Any) -> None:
    """Let the serializers' references find what there is now without asking for each, but for old slugs."""
    known: dict[Any, dict[str, Any]] = {}
    for serializer in serializers:
        for field in serializer.fields.values():
            child: Any = field.child if isinstance(field, ListSerializer) else None
            for one in child.fields.values() if child else (field,):
                reference = one.child_relation if isinstance(one, ManyRelatedField) else one
                if isinstance(reference, Reference):
                    queryset: Any = reference.get_queryset()
                    if queryset.model not in known:
                        known[queryset.model] = {obj.slug: obj for obj in queryset.only(*reference.parts)}
                    reference.known = known[queryset.model]


def give_slugs(companies: Iterable[Company]) -> None:
    """Give each company without a slug one that nobody has, ever had, or gets at the same time."""
    nameless = [(company, company.slug_stem()) for company in companies if not company.slug]
    stems = [stem for _, stem in nameless]
    taken = set(Address.objects.filter(kind="company", slug__any=Value(stems)).values_list("slug", flat=True))
    promised = {company.slug for company in companies if company.slug}
    for company, stem in nameless:
        is_free = stem not in taken and stem not in promised and not is_id(stem)
        company.slug = stem if is_free else company.free_slug(promised)
        promised.add(company.slug)


def facts(serializer: Any, company: Company) -> Document:
    """What can be written of a company's document, references by their slugs, as JSON has it."""
    found = {}
    for name, field in serializer.fields.items():
        if not field.read_only:
            value = field.get_attribute(company)
            found[name] = None if value is None else by_slug(field.to_representation(value))
    result: Document = orjson.loads(orjson.dumps(found))
    return result
