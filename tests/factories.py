"""Rows to test with: fixed, picturable values, each of which a keyword overrides.

Every factory publishes what it makes, as an edit by the system, unless it is called inside a publication, which
then publishes it with the rest. What is returned is as the database has it, document and all.
"""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import models

from companies.background import carry_on
from companies.models import Company, Credential, Duplicate, Identifier, Import, Industry, Office, Source, Specialty
from companies.proposing import Sent, propose
from companies.staged import State
from companies.staging import receive
from companies.suggestions import Suggestion
from directory.models import Source as Origin
from directory.publishing import edit, publication
from hubs.models import Hub, Indicator, Program
from partners import webhooks
from partners.issuing import issue
from partners.models import ApiKey, Delivery, Partner, PublicView, Webhook

Row = TypeVar("Row", bound=models.Model)


def publish(row: Row, **relations: Iterable[models.Model]) -> Row:
    """Save ``row`` and its many-to-many ``relations`` within a publication."""
    with publication(source=Origin.SYSTEM):
        row.save()
        for name, related in relations.items():
            if related:
                getattr(row, name).set(related)
    row.refresh_from_db()
    return row


def lahore() -> Hub:
    """The hub that rows are in unless told otherwise; made once."""
    return Hub.objects.filter(slug="lahore").first() or make_hub()


def make_hub(name: str = "Lahore", **fields: Any) -> Hub:
    return publish(Hub(name=name, **{"province": "PK-PB", "latitude": 31.5497, "longitude": 74.3436} | fields))


def make_program(name: str = "National Incubation Center", **fields: Any) -> Program:
    """A program in Lahore; ``hub=None`` makes it national."""
    if "hub" not in fields:
        fields["hub"] = lahore()
    return publish(Program(name=name, **{"kind": "incubator", "started_year": 2018} | fields))


def make_indicator(name: str = "IT exports in FY2023-24", **fields: Any) -> Indicator:
    """A national figure; another ``period`` or ``measure`` makes another one."""
    figure = {
        "measure": "it-exports",
        "period": "FY2023-24",
        "period_start": datetime.date(2023, 7, 1),
        "period_end": datetime.date(2024, 6, 30),
        "value": Decimal(3223),
        "unit": "USD million",
        "source": "State Bank of Pakistan",
    }
    return publish(Indicator(name=name, **figure | fields))


def make_industry(name: str = "Healthcare", **fields: Any) -> Industry:
    return publish(Industry(name=name, **fields))


def make_specialty(name: str = "Machine learning", **fields: Any) -> Specialty:
    return publish(Specialty(name=name, **fields))


def make_company(
    name: str = "Systems Limited",
    *,
    specialties: Iterable[Specialty] = (),
    industries: Iterable[Industry] = (),
    programs: Iterable[Program] = (),
    **fields: Any,
) -> Company:
    """A published company in Lahore, with a website of its own however often the same name is made."""
    if "hub" not in fields:
        fields["hub"] = lahore()
    fields = {"status": "published", "kind": "established", "operating_status": "active"} | fields
    company = Company(name=name, **fields)
    company.slug = company.slug or company.free_slug()
    if "website" not in fields:
        company.website = f"https://{company.slug}.example/"
    return publish(company, specialties=specialties, industries=industries, programs=programs)


def make_office(company: Company | None = None, **fields: Any) -> Office:
    if "hub" not in fields:
        fields["hub"] = lahore()
    return publish(Office(company=company or make_company(), **{"address": "Arfa Software Technology Park"} | fields))


def make_credential(company: Company | None = None, **fields: Any) -> Credential:
    fields = {"kind": "certification", "name": "ISO 27001", "issuer": "Bureau Veritas"} | fields
    return publish(Credential(company=company or make_company(), **fields))


def make_identifier(company: Company | None = None, **fields: Any) -> Identifier:
    fields = {"scheme": "secp", "value": "0012345"} | fields
    return publish(Identifier(company=company or make_company(), **fields))


def make_source(company: Company | None = None, **fields: Any) -> Source:
    """Where a fact comes from; in tests ``directory.models.Source`` is the other one."""
    fields = {"reference": "https://www.secp.gov.pk/", "facts": ["name"]} | fields
    return publish(Source(company=company or make_company(), **fields))


def make_import(content: str = "name\nZorvex\n", name: str = "list.csv", **fields: Any) -> Import:
    """A file that was uploaded and read: its rows wait for decisions."""
    batch = receive(name, content.encode(), by=None)
    for field, value in {"state": State.STAGING, **fields}.items():
        setattr(batch, field, value)
    batch.save()
    if batch.state == State.STAGING:
        carry_on(batch)
    return batch


def make_duplicate(one: Company, other: Company, **fields: Any) -> Duplicate:
    """A pair that waits for a decision."""
    first, second = sorted((one, other), key=lambda company: company.pk)
    known = {"score": 0.9, "reasons": ["the same name"], "seen_at": datetime.datetime.now(datetime.UTC)}
    return Duplicate.objects.create(first=first, second=second, **known | fields)


def make_view(query: str = "hub__isnull=false", *, is_published: bool = True, **patch: Any) -> PublicView:
    """A view, its query checked as a curator's is; of all companies with a home."""
    patch = {"name": "Shown", "query": query} | patch
    view: Any = edit(PublicView(), patch, source=Origin.SYSTEM, is_published=is_published)
    view.refresh_from_db()
    return view


def make_suggestion(company: Company | None = None, **patch: Any) -> Suggestion:
    """A suggestion that waits: what ``patch`` says of ``company``, or a new one."""
    sent = Sent(patch=patch or {"name": "Sehat Software"}, company=company.slug if company else None)
    suggestion = propose(sent, "192.0.2.1")
    suggestion.save()
    return suggestion


def make_webhook(**fields: Any) -> Webhook:
    """A webhook that has proved itself; it follows the log from its beginning, or a list."""
    if "partner" not in fields:
        fields["partner"] = Partner.objects.first() or make_partner()
    stage = webhooks.Stage.BEGINNING if fields.get("query") or fields.get("view") else webhooks.Stage.FOLLOWING
    webhook = Webhook(
        **{"url": "https://shop.example/hooks", "state": webhooks.State.ACTIVE, "stage": stage} | fields
    )
    webhook.renew_secret(datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC))
    webhook.save()
    return webhook


def make_delivery(webhook: Webhook | None = None, **fields: Any) -> Delivery:
    known = {"message": "msg_0", "kind": "test", "attempt": 1, "succeeded": True, "milliseconds": 20}
    known["at"] = datetime.datetime(2026, 11, 2, 9, 0, tzinfo=datetime.UTC)
    return Delivery.objects.create(webhook=webhook or make_webhook(), **known | fields)


def make_partner(name: str = "Techlist", **fields: Any) -> Partner:
    """A site whose pages ``fatima`` may see, unless told otherwise."""
    users = fields.pop("users", None)
    partner = Partner.objects.create(name=name, **{"contact": "fatima@techlist.example"} | fields)
    partner.users.set([make_user()] if users is None else users)
    return partner


def make_key(partner: Partner | None = None, **fields: Any) -> tuple[ApiKey, str]:
    """A key and its text, of a partner of its own unless told otherwise."""
    partner = partner or make_partner(f"Techlist {Partner.objects.count()}")
    key = ApiKey(partner=partner, **fields)
    return key, issue(key, by=None)


def make_user(username: str = "fatima") -> User:
    """Somebody who has nothing to do with the admin; made once."""
    found = get_user_model().objects.filter(username=username).first()
    return found or make_curator(username, is_staff=False, is_superuser=False)


def make_curator(username: str = "ayesha", **fields: Any) -> User:
    """Somebody who may do everything in the admin; ``is_superuser=False`` for one who may do nothing yet."""
    fields = {"is_staff": True, "is_superuser": True, **fields}
    return get_user_model().objects.create_user(username, **fields)
