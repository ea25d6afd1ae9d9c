from companies.countries import COUNTRIES
from companies.identifiers import Scheme
from companies.models import (
    Company,
    CompanyIndustry,
    CompanyProgram,
    CompanySpecialty,
    Credential,
    Identifier,
    Industry,
    Office,
    Source,
    Specialty,
)
from companies.search import Search, Typo
from directory.api.dates import Date
from directory.api.filters import Choice, Codes, Flag, Id, Slug, Word
from directory.api.numbers import Number, Range
from directory.api.places import Box, Near, Radius
from directory.api.relations import Child, Related, RelatedFlag, RelatedMany
from directory.api.texts import Text, Texts
from hubs.filters import PublishedFilters
from hubs.models import Hub, Program


class IndustryFilters(PublishedFilters):
    id = Id(Industry)
    slug = Slug(Industry)
    alias = Texts("aliases", about="Another name", example="fintech")


class SpecialtyFilters(PublishedFilters):
    id = Id(Specialty)
    slug = Slug(Specialty)
    alias = Texts("aliases", about="Another name", example="ai")
    parent = Related(Specialty, "parent_id", about="The specialty right above it")
    emerging = Flag(about="Belongs to an emerging field")


class CompanyFilters(PublishedFilters):
    q = Search(about="Search")
    typo = Typo(about="Typing errors")
    id = Id(Company)
    slug = Slug(Company)
    legal_name = Text(about="Name as registered", example="Systems Limited")
    alias = Texts("aliases", about="Another name", example="Arpatech")
    kind = Choice(Company.Kind.values)
    operating_status = Choice(Company.OperatingStatus.values)
    summary = Text(example="software")
    description = Text(example="software")
    website = Word(example="https://devsinc.com/")
    domain = Word(about="Bare domain of the website", example="devsinc.com")
    founded_year = Number(example=2015)
    employees = Range(about="Number of employees", example=100)
    hourly_rate = Range(about="Hourly rate in US dollars", example=40)
    hub = Related(Hub, "hub_id", about="Its home; “office” finds its other offices")
    near = Near(Hub, "hub_id", about="The centre of its home hub")
    radius_km = Radius(about="Kilometres")
    bbox = Box(Hub, "hub_id", about="The centre of its home hub")
    office = RelatedMany(Hub, Office, "hub_id", about="Hub of a further office", example="islamabad")
    specialty = RelatedMany(Specialty, CompanySpecialty, "specialty_id", tree=True)
    emerging = RelatedFlag(
        Specialty, CompanySpecialty, "specialty_id", flag="emerging", about="Has a specialty marked as emerging"
    )
    industry = RelatedMany(Industry, CompanyIndustry, "industry_id", about="Industry served")
    program = RelatedMany(Program, CompanyProgram, "program_id", about="Program it went through")
    export_market = Codes(
        COUNTRIES,
        "export_markets",
        listed_at="companies/?facets=export_market&facets_zero=true&page_size=1",
        about="Country it exports to, ISO 3166",
        example="US",
    )
    women_led = Flag(about="Led by women")
    research_and_development = Flag(about="Does research and development")
    credential = Child(Credential, Text("name", about="Name of a credential", example="ISO 27001"))
    credential_kind = Child(
        Credential, Choice(Credential.Kind.values, "kind", optional=False, about="Kind of a credential")
    )
    credential_issuer = Child(Credential, Text("issuer", about="Issuer of a credential", example="AWS"))
    identifier = Child(Identifier, Word("value", about="Value of an identifier in a register", example="0012345"))
    identifier_scheme = Child(
        Identifier, Choice(Scheme.values, "scheme", optional=False, about="Register of an identifier")
    )
    source = Child(Source, Text("reference", about="Reference of a source", example="github.com"))
    verified_on = Date(about="When somebody last checked the facts")
