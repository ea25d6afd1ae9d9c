"""What companies and specialties are counted by."""

from companies.countries import COUNTRIES
from companies.filters import CompanyFilters, IndustryFilters, SpecialtyFilters
from companies.models import ORDERINGS, Company, Credential, Industry, Specialty
from directory.api.facets import FacetSet
from directory.api.groupings import Bands, Numbers, Values

COMPANY_FACETS = FacetSet(
    Company,
    CompanyFilters,
    {
        "hub": Values("hub"),
        "specialty": Values("specialty"),
        "industry": Values("industry"),
        "kind": Values("kind", dict(Company.Kind.choices)),
        "operating_status": Values("operating_status", dict(Company.OperatingStatus.choices)),
        "size": Bands(
            "employees",
            {"1-9": (None, 9), "10-49": (10, 49), "50-249": (50, 249), "250-999": (250, 999), "1000+": (1000, None)},
        ),
        "founded_decade": Bands(
            "founded_year",
            {
                "before-1980": (None, 1979),
                **{f"{year}s": (year, year + 9) for year in range(1980, 2030, 10)},
                "since-2030": (2030, None),
            },
        ),
        "rate": Bands(
            "hourly_rate",
            {"0-24": (None, 24), "25-49": (25, 49), "50-99": (50, 99), "100-149": (100, 149), "150+": (150, None)},
        ),
        "export_market": Values("export_market", COUNTRIES),
        "credential_kind": Values("credential_kind", dict(Credential.Kind.choices)),
        "women_led": Values("women_led", {"true": "Led by women", "false": "Not led by women"}),
    },
    besides=("office", "program", "research_and_development", "identifier_scheme", "verified_on"),
    orderings=ORDERINGS["company"].values(),
)
COMPANY_GROUPS = {**COMPANY_FACETS.facets, "founded_year": Numbers("founded_year", Company, CompanyFilters)}
SPECIALTY_FACETS = FacetSet(
    Specialty,
    SpecialtyFilters,
    {"parent": Values("parent"), "emerging": Values("emerging", {"true": "Emerging", "false": "Established"})},
)
INDUSTRY_FACETS = FacetSet(Industry, IndustryFilters, {})
