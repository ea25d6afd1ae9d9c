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
from directory.api.filters import (
    Child,
    Choice,
    Codes,
    Date,
    Flag,
    Id,
    Number,
    Range,
    Related,
    RelatedMany,
    Text,
    Texts,
    Word,
)
from hubs.filters import PublishedFilters
from hubs.models import Hub, Program


class IndustryFilters(PublishedFilters):
    id = Id(Industry)
    alias = Texts("aliases")


class SpecialtyFilters(PublishedFilters):
    id = Id(Specialty)
    alias = Texts("aliases")
    parent = Related(Specialty, "parent_id")
    emerging = Flag()


class CompanyFilters(PublishedFilters):
    id = Id(Company)
    legal_name = Text()
    alias = Texts("aliases")
    kind = Choice(Company.Kind.values)
    operating_status = Choice(Company.OperatingStatus.values)
    summary = Text()
    description = Text()
    website = Word()
    domain = Word()
    founded_year = Number()
    employees = Range()
    hourly_rate = Range()
    hub = Related(Hub, "hub_id")
    office = RelatedMany(Hub, Office, "hub_id")
    specialty = RelatedMany(Specialty, CompanySpecialty, "specialty_id", tree=True)
    industry = RelatedMany(Industry, CompanyIndustry, "industry_id")
    program = RelatedMany(Program, CompanyProgram, "program_id")
    export_market = Codes(COUNTRIES, "export_markets")
    women_led = Flag()
    research_and_development = Flag()
    credential = Child(Credential, Text("name"))
    credential_kind = Child(Credential, Choice(Credential.Kind.values, "kind", optional=False))
    credential_issuer = Child(Credential, Text("issuer"))
    identifier = Child(Identifier, Word("value"))
    identifier_scheme = Child(Identifier, Choice(Scheme.values, "scheme", optional=False))
    source = Child(Source, Text("reference"))
    verified_on = Date()
