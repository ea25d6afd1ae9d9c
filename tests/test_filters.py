"""Filters: each declared parameter of each kind finds just its rows."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from companies.models import Company, Industry, Specialty
from directory.models import Published, Source
from directory.publishing import edit
from hubs.models import Hub, Indicator, Program
from tests.factories import make_company
from tests.lists import VIEWSETS, mistakes, slugs
from tests.log import document

pytestmark = pytest.mark.django_db


# The first, second and third row of each collection, in the order in which they were made.
ROWS = {
    "hubs": {"L": "lahore", "K": "karachi", "Q": "quetta"},
    "industries": {"F": "finance", "H": "healthcare", "E": "energie"},
    "specialties": {"D": "data", "M": "machine-learning", "N": "natural-language"},
    "programs": {"N": "national-incubation-center", "W": "womenx", "E": "epiphany"},
    "indicators": {"X": "it-exports-fy2023-24", "Y": "it-exports-fy2024-25", "R": "firms-2025-lahore"},
    "companies": {"S": "systems", "A": "arbisoft", "C": "cafe-zeta"},
}
# A field, then for each look-up “=value→rows”; {K[id]} is what the document of row K says, and + is a space.
EVERYWHERE = """
    revision    ={1[revision]}→1 __not={1[revision]}→23 __isnull=true→ __isnull=false→123 __gte={2[revision]}→23
    revision    __gt={2[revision]}→3 __lte={2[revision]}→12 __lt={2[revision]}→1
    created_at  __gte=2025-01-01→23 __gt=2025-01-01T05:00:00+05:00→3 __lte=2025-01-01T05:00:00%2B05:00→12
    created_at  __lt=2025-01-01→1
    updated_at  __gte={2[updated_at]}→23 __gt={2[updated_at]}→3 __lte={2[updated_at]}→12 __lt={2[updated_at]}→1
"""
CASES = {
    "hubs": """
        id           ={L[id]},{Q[id]}→LQ __not={L[id]}→KQ
        slug         =lahore,quetta→LQ __not=lahore→KQ __isnull=true→ __isnull=false→LKQ
        name         =LAHORE→L __contains=AH%C3%94→L __startswith=ka→K __not=lahore→KQ __isnull=true→
        alias        =khi→K =dat,+city→L __contains=C%C3%AFT→L __startswith=city→ __not=lhe→KQ __isnull=true→Q
        province     =PK-PB,PK-SD→LK __not=PK-SD→LQ
        latitude     =31.5497→L __not=31.5497→KQ __isnull=true→ __gte=30.2→LQ __gt=30.2→L __lte=30.2→KQ __lt=30.2→K
        longitude    =67→KQ __not=67→L __isnull=true→ __gte=67.0→LKQ __gt=67.0→L __lte=74.3436→LKQ __lt=-67.5→
        near         =31.55,74.34&radius_km=10→L =31,74&radius_km=800→LQ
        radius_km    =20&near=24.9,67.0→K =0.001&near=24.86,67→K
        bbox         =66,24,68,31→KQ =74.3436,31.5497,75,32→L =60,20,61,21→
        notable      =true→LK =false→Q __isnull=true→ __isnull=false→LKQ
        geonames_id  =1172451→L __not=1172451→KQ __isnull=true→Q __gte=1174872→K __gt=1172451→K __lte=1172451→L
        geonames_id  __lt=1174872→L __lt=-1→ __gt=-1→LK
        summary      =arfa,+askari→L __contains=ARFA→L __startswith=cafe→K __not=arfa,+askari→KQ __isnull=true→Q
        technology_park  =nstp→L __contains=SOFT→LK __startswith=soft→K __not=nstp→KQ __isnull=true→Q
        source       =geonames→L __contains=GEO→L __startswith=g→L __not=geonames→KQ __isnull=true→KQ
    """,
    "industries": """
        id    ={F[id]},{H[id]}→FH __not={F[id]}→HE
        slug  =finance→F __not=finance,healthcare→E __isnull=true→ __isnull=false→FHE
        name  =energie→E __contains=NERG→E __startswith=he→H __not=%C3%89NERGIE→FH __isnull=true→
        alias  =medical→H __contains=DIC→H __startswith=med→H __not=medical→FE __isnull=true→FE
    """,
    "specialties": """
        id        ={D[id]}→D __not={D[id]}→MN
        slug      =data→D __not=data→MN __isnull=true→ __isnull=false→DMN
        name      =data→D __contains=LEARN→M __startswith=natural+l→N __not=data→MN __isnull=true→
        alias     =ml→M __contains=%C3%8F→M __startswith=a→M __not=ml→DN __isnull=true→DN
        parent    =data→M =data,machine-learning→MN __not=data→DN __isnull=true→D __isnull=false→MN
        emerging  =true→MN =false→D __isnull=true→ __isnull=false→DMN
    """,
    "programs": """
        id            ={N[id]}→N __not={N[id]}→WE
        slug          =womenx→W __not=womenx→NE __isnull=true→ __isnull=false→NWE
        name          =WomenX→W __contains=CUB→N __startswith=Epi→E __not=womenx→NE __isnull=true→
        kind          =incubator,training→NE __not=incubator→WE
        hub           =karachi,lahore→WE __not=karachi→NE __isnull=true→N __isnull=false→WE
        organiser     =ignite→N __contains=BANK→W __startswith=world→W __not=ignite→WE __isnull=true→E
        started_year  =2016→N __not=2016→WE __isnull=true→E __gte=2016→N __gt=2013→N __lte=2013→W __lt=2016→W
        for_women     =true→W =false→NE __isnull=true→ __isnull=false→NWE
        summary       =offices→N __contains=%EF%AC%83→N __startswith=off→N __not=offices→WE __isnull=true→WE
        website       =https://womenx.example/→W __not=https://womenx.example/→NE __isnull=true→NE __isnull=false→W
        source        =ignite.org.pk→N __contains=ORG→N __startswith=ign→N __not=ignite.org.pk→WE __isnull=true→WE
    """,
    "indicators": """
        id            ={X[id]}→X __not={X[id]}→YR
        slug          =firms-2025-lahore→R __not=firms-2025-lahore→XY __isnull=true→ __isnull=false→XYR
        name          =exports,+earlier→X __contains=LAT→Y __startswith=exports→XY __not=firms→XY __isnull=true→
        measure       =it-exports→XY __not=it-exports→R __isnull=true→ __isnull=false→XYR
        period        =2025,FY2023-24→XR __not=2025→XY __isnull=true→ __isnull=false→XYR
        period_start  =2023-07-01→X __not=2023-07-01→YR __isnull=true→ __gte=2024-07-01→YR __gt=2024-07-01→R
        period_start  __lte=2024-07-01→XY __lt=2024-07-01→X
        period_end    =2024-06-30→X __not=2024-06-30→YR __isnull=true→ __gte=2025-06-30→YR __gt=2025-06-30→R
        period_end    __lte=2025-06-30→XY __lt=2025-06-30→X
        value         =3223→X __not=3223.0→YR __isnull=true→ __gte=3810.25→YR __gt=3810.25→R __lte=3810.25→XY
        value         __lt=3810.25→X __gt=99999999999999999999→ =0.33333→
        unit          =firms→R __not=firms→XY __isnull=true→ __isnull=false→XYR
        note          =net→Y __contains=E→Y __startswith=N→Y __not=net→XR __isnull=true→XR
        source        =pbs→R __contains=BANK→XY __startswith=state→XY __not=pbs→XY __isnull=true→
        hub           =lahore→R __not=lahore→XY __isnull=true→XY __isnull=false→R
    """,
    "companies": """
        id                 ={S[id]},{C[id]}→SC __not={S[id]}→AC
        slug               =arbisoft→A __not=arbisoft→SC __isnull=true→ __isnull=false→SAC
        name               =cafe+zeta→C __contains=%C3%89+z→C __startswith=CAFE→C __not=Arbisoft→SC __isnull=true→
        legal_name         =systems+(pvt.)+ltd.→S __contains=PVT→S __startswith=sys→S __not=sys→SAC __isnull=true→AC
        alias              =s%C3%BFstems+ltd→S __contains=LTD→S __startswith=netsol→S __not=netsol→AC __isnull=true→AC
        kind               =established,startup→SA __not=startup→SC __isnull=true→C
        operating_status   =active→S =acquired,closed→A __not=active→AC __isnull=true→C
        summary            =banks→S __contains=AN→S __startswith=ban→S __not=banks→AC __isnull=true→AC
        description        =50%25+off→S __contains=0%25→S __startswith=50_→ __not=50%25+off→AC __isnull=true→AC
        website            =https://systems.example/→S __not=https://systems.example/→AC __isnull=true→C
        domain             =systems.example,arbisoft.example→SA __not=arbisoft.example→SC __isnull=true→C
        founded_year       =1977,2007→SA __not=1977→AC __isnull=true→C __isnull=false→SA __gte=2007→A __gt=1977→A
        founded_year       __lte=1977→S __lt=2007→S __lt=-5→ __gt=99999→ __lt=99999→SA
        employees          =5000→S =999,7→AC =10→C __not=700→SC __isnull=true→ __isnull=false→SAC __gte=1000→SA
        employees          __gt=1000→S __lte=500→AC __lt=500→C __gte=-5→SAC __gte=10→SAC __gt=10→SA
        hourly_rate        =40→SA =-5→ __not=55→AC __isnull=true→C __gte=60→S __gt=60→ __lte=25→A __lt=25→
        hub                =lahore→S =lahore,karachi→SA __not=lahore→AC __isnull=true→C __isnull=false→SA
        near               =31.55,74.34&radius_km=10→S =31,74&radius_km=20000→SA
        radius_km          =20&near=24.9,67.0→A =0.001&near=24.86,67→A
        bbox               =66,24,68,31→A =74.3436,31.5497,75,32→S =60,20,61,21→
        emerging           =true→A =false→SC
        office             =karachi→SA =quetta,lahore→S __all=karachi,quetta→S __not=quetta→AC __isnull=true→C
        specialty          =data→SA =natural-language→A __exact=data→S __exact=data,machine-learning→SA __not=data→C
        specialty          __all=data,machine-learning→A __all=natural-language,data→A __isnull=true→C
        industry           =finance,healthcare→SA __all=finance,healthcare→A __not=healthcare→SC __isnull=true→C
        program            =womenx→A =womenx,epiphany→A __all=womenx,epiphany→ __not=womenx→SC __isnull=true→SC
        export_market      =us→SA =GB,AE→S __all=us,gb→S __not=gb→AC __isnull=true→C __isnull=false→SA
        women_led          =true→A =false→S __isnull=true→C __isnull=false→SA
        research_and_development  =true→S =false→A __isnull=true→C __isnull=false→SA
        credential         =iso+27001→S __contains=27→S __startswith=ISO→S __not=iso+27001→AC __isnull=true→C
        credential_kind    =certification→S =membership,certification→SA __not=membership→SC
        credential_issuer  =p%40sha→A __contains=VER→S __startswith=ver→S __not=p%40sha→SC __isnull=true→C
        identifier         =0012345→S __not=0012345→AC __isnull=true→AC __isnull=false→S
        identifier_scheme  =secp→S =wikidata→ __not=secp→AC
        source             =pasha.org.pk→A __contains=SECP→S __startswith=pas→A __not=pasha.org.pk→SC __isnull=true→C
        verified_on        =2026-01-10→S __not=2026-01-10→AC __isnull=true→C __gte=2026-01-10→SA __gt=2026-01-10→A
        verified_on        __lte=2026-01-10→S __lt=2026-02-01→S
        q                  =arbisoft→A =karachi→A =caf%C3%A9→C =systms→S =nobody→
        typo               =off&q=systms→ =on&q=systms→S
    """,
}


def cases() -> Iterator[tuple[str, str, str]]:
    """(collection, query, expected rows) of the tables above."""
    for collection, table in CASES.items():
        letters = "".join(ROWS[collection])
        positions = str.maketrans("123", letters)
        for line in EVERYWHERE.splitlines() + table.splitlines():
            parameter, *answers = line.split() or [""]
            for answer in answers:
                query, _, expected = answer.rpartition("→")
                yield collection, parameter + query, expected.translate(positions)


# What is edited, in the order of ROWS.
DOCUMENTS: dict[type[Published], list[dict[str, Any]]] = {
    Hub: [
        {"name": "Lahore", "province": "PK-PB", "latitude": 31.5497, "longitude": 74.3436, "notable": True}
        | {"geonames_id": 1172451, "summary": "Arfa, Askari", "source": "Geonames"}
        | {"aliases": ["LHE", "Dat, city"], "technology_parks": ["Arfa Software", "NSTP"]},
        {"name": "Karachi", "province": "PK-SD", "latitude": 24.86, "longitude": 67, "notable": True}
        | {"geonames_id": 1174872, "summary": "Café city", "aliases": ["KHI"], "technology_parks": ["Softtech"]},
        {"name": "Quetta", "province": "PK-BA", "latitude": 30.2, "longitude": 67},
    ],
    Industry: [{"name": "Finance"}, {"name": "Healthcare", "aliases": ["Medical"]}, {"name": "Énergie"}],
    Specialty: [
        {"name": "Data"},
        {"name": "Machine learning", "parent": "data", "emerging": True, "aliases": ["ML", "AI"]},
        {"name": "Natural language", "parent": "machine-learning", "emerging": True},
    ],
    Program: [
        {"name": "National Incubation Center", "kind": "incubator", "organiser": "Ignite", "started_year": 2016}
        | {"summary": "Offices", "source": "ignite.org.pk"},
        {"name": "WomenX", "kind": "accelerator", "hub": "karachi", "organiser": "World Bank", "started_year": 2013}
        | {"for_women": True, "website": "https://womenx.example/"},
        {"name": "Epiphany", "kind": "training", "hub": "lahore"},
    ],
    Indicator: [
        {"name": "Exports, earlier", "measure": "it-exports", "value": 3223, "unit": "USD million"}
        | {"period": "FY2023-24", "period_start": "2023-07-01", "period_end": "2024-06-30", "source": "State Bank"},
        {"name": "Exports, later", "measure": "it-exports", "value": 3810.25, "unit": "USD million", "note": "Net"}
        | {"period": "FY2024-25", "period_start": "2024-07-01", "period_end": "2025-06-30", "source": "State Bank"},
        {"name": "Firms", "measure": "firms", "value": 5000, "unit": "firms", "hub": "lahore", "source": "PBS"}
        | {"period": "2025", "period_start": "2025-01-01", "period_end": "2025-12-31"},
    ],
    Company: [
        {
            "name": "Systems",
            "legal_name": "Systems (Pvt.) Ltd.",
            "aliases": ["NETSOL", "Sÿstems Ltd"],
            "hub": "lahore",
        }
        | {"kind": "established", "operating_status": "active", "summary": "Banks", "description": "50% off"}
        | {"website": "https://systems.example/", "founded_year": 1977, "employees": {"min": 5000, "max": None}}
        | {"hourly_rate": {"min": 30, "max": 60}, "specialties": ["data"], "industries": ["finance"]}
        | {"offices": [{"hub": "lahore"}, {"hub": "karachi"}, {"hub": "quetta"}], "export_markets": ["US", "GB"]}
        # Each of two rows fits: that must not repeat the company.
        | {
            "credentials": [
                {"kind": "certification", "name": n, "issuer": "Veritas"} for n in ("ISO 27001", "ISO 9001")
            ]
        }
        | {
            "identifiers": [{"scheme": "secp", "value": "0012345"}],
            "sources": [{"reference": "https://secp.gov.pk/"}],
        }
        | {"women_led": False, "research_and_development": True, "verified_on": "2026-01-10"},
        {"name": "Arbisoft", "kind": "startup", "operating_status": "acquired", "hub": "karachi"}
        | {"website": "https://arbisoft.example/", "founded_year": 2007, "employees": {"min": 500, "max": 1000}}
        | {"hourly_rate": {"min": 25, "max": 50}, "specialties": ["machine-learning", "natural-language"]}
        | {"industries": ["finance", "healthcare"], "programs": ["womenx"], "offices": [{"hub": "karachi"}]}
        | {"credentials": [{"kind": "membership", "name": "P@SHA member", "issuer": "P@SHA"}]}
        | {"sources": [{"reference": "pasha.org.pk"}], "export_markets": ["US"], "verified_on": "2026-02-01"}
        | {"women_led": True, "research_and_development": False},
        {"name": "Café Zêta", "employees": {"min": None, "max": 10}},
    ],
}
DAYS = ("2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z", "2026-03-01T00:00:00Z")


@pytest.fixture(scope="module")
def rows(shared_rows: None) -> dict[str, list[dict[str, Any]]]:
    """Collection → its three rows' documents."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for model, patches in DOCUMENTS.items():
        private: dict[str, Any] = {"status": "published"} if model is Company else {}
        for patch, day in zip(patches, DAYS, strict=True):
            row = edit(model(), patch, source=Source.SYSTEM, created_at=day, **private)
            rows.setdefault(model.collection, []).append(document(row))
    make_company("A draft is never found", status="draft", founded_year=1977)
    return rows


def found(api: Client, collection: str, query: str) -> list[str]:
    response = api.get(f"/api/v1/{collection}/?{query}")
    assert response.status_code == 200, response.content.decode()
    return slugs([response.json()])


@pytest.mark.complaint(14)
@pytest.mark.parametrize(("collection", "query", "expected"), list(cases()), ids="{}".format)
def test_each_parameter_finds_its_rows(
    api: Client, rows: dict[str, list[dict[str, Any]]], collection: str, query: str, expected: str
) -> None:
    """The list would show a row that a join repeats."""
    letters = ROWS[collection]
    query = query.format("", *rows[collection], **dict(zip(letters, rows[collection], strict=True)))
    assert sorted(found(api, collection, query)) == sorted(letters[letter] for letter in expected)


@pytest.mark.complaint(16)
@pytest.mark.parametrize("collection", VIEWSETS)
def test_the_tables_name_every_parameter(collection: str) -> None:
    """What is declared is what there is."""
    tried = {query.partition("=")[0] for kind, query, _ in cases() if kind == collection}
    assert tried == set(VIEWSETS[collection].filterset_class.parameters)


@pytest.mark.complaint(14)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("hub=lahore,karachi", ["arbisoft", "systems"]),
        ("hub=lahore&hub=karachi", ["arbisoft", "systems"]),
        ("hub=lahore,lahore", ["systems"]),
        ("hub=lahore&kind=startup", []),
        ("specialty=data&specialty__not=natural-language", ["systems"]),
        # “Some credential is a certification” and “some is called ISO 9001” need not be the same one.
        ("credential=iso+9001&credential_kind=certification", ["systems"]),
        ("industry=finance&industry__all=healthcare,finance", ["arbisoft"]),
        ("employees__gte=800&employees__lte=2000", ["arbisoft"]),
        ("near=31.5,74.3&radius_km=50&bbox=66,24,68,31", []),
    ],
)
def test_values_are_or_and_parameters_are_and(
    api: Client, rows: dict[str, Any], query: str, expected: list[str]
) -> None:
    """AND is never answered as OR, nor the other way round."""
    assert found(api, "companies", query) == expected


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("near=31.5,74.3", "missing_parameter"),
        ("near=31.5,74.3&radius_km=", "missing_parameter"),
        ("near=31.5&radius_km=1", "invalid_value"),
        ("near=lahore&radius_km=1", "invalid_value"),
        ("near=91,74.3&radius_km=1", "invalid_value"),
        ("near=31.5,181&radius_km=1", "invalid_value"),
        ("near=31.5,74.3&near=1,2&radius_km=1", "repeated_parameter"),
        ("bbox=1,2,3", "invalid_value"),
        ("bbox=75,31,74,32", "invalid_value"),
        ("bbox=74,33,75,32", "invalid_value"),
        ("bbox=74,31,75,1e1", "invalid_value"),
    ],
)
def test_a_place_that_is_none_is_refused(api: Client, rows: dict[str, Any], query: str, code: str) -> None:
    parameter = query.partition("=")[0]
    for collection in ("companies", "hubs"):
        assert (parameter, code) in mistakes(api, f"{collection}/?{query}")


@pytest.mark.parametrize("radius", ["0", "-1", "20001", "x", "nan", "1e9", "9" * 40])
def test_a_radius_is_a_number_of_kilometres(api: Client, radius: str) -> None:
    query = f"companies/?near=31.5,74.3&radius_km={radius}"
    assert mistakes(api, query) == [("radius_km", "invalid_value")]


def test_a_place_is_applied_in_its_shortest_form(api: Client, rows: dict[str, Any]) -> None:
    query = "near=+31.50,+074.0&radius_km=5e1&bbox=60.0,20.0,80.10,40&export_market=us,US"
    answer = api.get(f"/api/v1/companies/?{query}").json()["meta"]["query"]
    assert answer["applied"] == {
        "bbox": ["60,20,80.1,40"],
        "export_market": ["US"],
        "near": ["31.5,74"],
        "radius_km": ["50"],
    }
    assert "bbox=60,20,80.1,40&export_market=US&near=31.5,74&radius_km=50" in answer["canonical"]


@pytest.mark.parametrize(
    ("query", "ways"),
    [
        # Which filter to drop, and how many that gives; what gives nothing is not offered.
        ("hub=lahore&kind=startup", {"kind": 1, "hub": 1}),
        ("hub=lahore&kind=startup&women_led=false", {"kind": 1}),
        ("hub=quetta", {"hub": 3}),
        ("near=24.86,67&radius_km=1&kind=established", {"kind": 1, "near": 1}),
        # Where no single one helps, the fewest that do.
        ("hub=quetta&name=nobody", {"hub+name": 3}),
        ("hub=quetta&name=nobody&founded_year=1900&kind=startup", {"founded_year+hub+name": 1}),
        ("kind=startup&hub=lahore&near=24.86,67&radius_km=1&name=systems", {"kind+near": 1, "hub+name": 1}),
        # The order of a search goes with it.
        ("q=zeta&hub=karachi&ordering=relevance", {"hub": 1, "q": 1}),
    ],
)
def test_where_nothing_matched_a_filter_to_drop_is_named(
    api: Client, rows: dict[str, Any], query: str, ways: dict[str, int]
) -> None:
    meta = api.get(f"/api/v1/companies/?{query}").json()["meta"]
    assert {"+".join(way["parameters"]): way["count"] for way in meta["relax"]} == ways
    for way in meta["relax"]:
        assert len(slugs([api.get(way["url"]).json()])) == way["count"]
        for name, number in way["alone"].items():
            together = {name, "radius_km"} if name == "near" else {name}
            query_alone = {other: meta["query"]["applied"][other][0] for other in together}
            assert api.get("/api/v1/companies/", {**query_alone, "count": "exact"}).json()["count"] == number
    assert "relax" not in api.get("/api/v1/companies/?hub=lahore").json()["meta"]


def test_a_collection_without_facets_tells_what_to_drop_as_well(api: Client, rows: dict[str, Any]) -> None:
    [way] = api.get("/api/v1/industries/?name=nobody&slug=finance").json()["meta"]["relax"]
    assert (way["parameters"], way["alone"], way["count"]) == (["name"], {"name": 0}, 1)
