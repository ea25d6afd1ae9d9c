"""Lists of companies as django-ninja's documentation writes them: schemas, filters, and pages behind a cursor.

A schema shows the facts of a company's document, but as the models have them: a missing text is empty rather than
null, and ranges are two numbers, which spares it an object and a function call for each.
"""

import datetime
from typing import Annotated, Any

import orjson
from django.db.models import Q, QuerySet, Value
from django.http import HttpRequest
from django.urls import path
from ninja import Field, FilterLookup, FilterSchema, ModelSchema, NinjaAPI, Query, Schema
from ninja.pagination import CursorPagination, paginate
from ninja.renderers import BaseRenderer

from companies.models import ORDERINGS, Company, Credential, Identifier, Office, Source
from directory.api.ordering import Ordering
from directory.models import Fold
from tests.bench.handwritten import descendants
from tests.bench.plain import having


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


class Named(Schema):
    slug: str
    name: str


class OfficeOut(ModelSchema):
    hub: Named

    class Meta:
        model = Office
        fields = ["address"]


class CredentialOut(ModelSchema):
    class Meta:
        model = Credential
        fields = ["kind", "name", "issuer", "valid_from", "valid_until"]


class IdentifierOut(ModelSchema):
    class Meta:
        model = Identifier
        fields = ["scheme", "value"]


class SourceOut(ModelSchema):
    class Meta:
        model = Source
        fields = ["reference", "facts", "seen_on"]


class CompanyOut(ModelSchema):
    id: str = Field(alias="public_id")
    url: str
    hub: Named | None
    offices: list[OfficeOut]
    specialties: list[Named]
    industries: list[Named]
    programs: list[Named]
    credentials: list[CredentialOut]
    identifiers: list[IdentifierOut]
    sources: list[SourceOut]

    class Meta:
        model = Company
        fields = [
            *("slug", "revision", "name", "legal_name", "aliases", "kind", "operating_status"),
            *("summary", "description", "website", "domain", "founded_year"),
            *("employees_min", "employees_max", "hourly_rate_min", "hourly_rate_max"),
            *("export_markets", "women_led", "research_and_development", "verified_on"),
            *("created_at", "updated_at"),
        ]


class CompanyFilter(FilterSchema):
    name__startswith: str | None = None
    kind: str | None = None
    operating_status__not: str | None = None
    founded_year__gte: int | None = None
    employees__gte: int | None = None
    hourly_rate__lte: int | None = None
    hub: Annotated[str | None, FilterLookup("hub__slug")] = None
    office: str | None = None
    specialty: str | None = None
    industry: str | None = None
    export_market: str | None = None
    women_led: bool | None = None
    credential_kind: str | None = None
    verified_on__gte: datetime.date | None = None

    def filter_name__startswith(self, text: str) -> Q:
        return Q(name_key__startswith=Fold(Value(text)))

    def filter_operating_status__not(self, status: str) -> Q:
        return ~Q(operating_status=status)

    def filter_employees__gte(self, least: int) -> Q:
        return Q(employees_max__gte=least) | Q(employees_max__isnull=True, employees_min__isnull=False)

    def filter_hourly_rate__lte(self, most: int) -> Q:
        return Q(hourly_rate_min__lte=most) | Q(hourly_rate_min__isnull=True, hourly_rate_max__isnull=False)

    def filter_office(self, slug: str) -> Q:
        return having(offices__hub__slug=slug)

    def filter_specialty(self, slug: str) -> Q:
        return having(specialties__in=descendants(slug))

    def filter_industry(self, slug: str) -> Q:
        return having(industries__slug=slug)

    def filter_export_market(self, code: str) -> Q:
        return Q(export_markets__contains=[code])

    def filter_credential_kind(self, kind: str) -> Q:
        return having(credentials__kind=kind)


api = NinjaAPI(renderer=OrjsonRenderer(), docs_url=None, openapi_url=None)


def declare(ordering: Ordering) -> None:
    """A list for one ordering, since a paginator of django-ninja has one.

    Its sort keys are annotated: a bare column would lose the rows where it is missing.
    """
    sign = "-" if ordering.descending else ""
    keys = {f"sort_{number}": key for number, key in enumerate(ordering.keys[:-1])}

    @api.get(f"/companies/by/{ordering.name}", response=list[CompanyOut])
    @paginate(CursorPagination, ordering=(*(f"{sign}{key}" for key in keys), f"{sign}pk"), page_size=25)
    def companies(request: HttpRequest, filters: Query[CompanyFilter]) -> QuerySet[Company]:
        return filters.filter(Company.objects.published().for_document().defer("document").annotate(**keys))


for declared in ORDERINGS["company"].values():
    declare(declared)

urlpatterns = [path("", api.urls)]
