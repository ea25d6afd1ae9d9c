"""What is not published is nowhere: no surface shows a draft, what is in review or withdrawn, or what was merged."""

import datetime
import re
from typing import Any

import duckdb
import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver

from companies.merging import merge_companies
from companies.models import Company
from directory.models import Source
from directory.nightly import make_night
from directory.publishing import edit, publication
from partners.crawlers import PART
from tests import factories as make
from tests.curators import signed_in
from tests.lists import VIEWSETS
from tests.test_openapi import routes

pytestmark = [pytest.mark.django_db, pytest.mark.security(16)]

NIGHT = datetime.datetime(2026, 11, 2, 22, tzinfo=datetime.UTC)
# What hidden companies alone have, in each fact that a surface may show.
MARK = "hushed"
PUBLIC = "Zameen Software"
STATES = ["draft", "in-review", "withdrawn", "never-seen", "merged", "deleted"]
# Surface → the addresses that it has for all companies together: each shows the one that is public.
SHARED = {
    "list": ["companies/", "companies/?count=exact&page=1", "companies/?fields=name,website&include=hub"],
    "search": ["companies/?q=zameen", "companies/?q=zamen", "companies/?name__contains=zameen"],
    "filters": [
        "companies/?hub=lahore&count=exact",
        "companies/?founded_year__gte=1990",
        "companies/?specialty=games",
    ],
    "facets": ["companies/?facets=hub,specialty,kind"],
    "map": ["companies/?format=geojson"],
    "linked data": ["companies/?format=jsonld"],
    "export": ["companies/?format=csv", "companies/?format=ndjson", "companies/?format=csv&q=zameen"],
    "completions": ["suggest/?q=zameen", "suggest/?q=zam"],
    "changes": ["changes/", "changes/?kind=company"],
    "snapshot": ["snapshot/"],
    "history": ["companies/zameen-software/history/"],
    "similar": ["companies/zameen-software/similar/"],
    "embeds": ["/embed/?hub=lahore", "/embed/fragment/", "/embed/?q=zameen"],
    "sitemap": ["/sitemap-PART.xml"],
    "feed": ["/feed.atom", "/feed.atom?hub=lahore", "/feed.json"],
    "files": [f"/files/latest/{name}" for name in ("companies.ndjson", "companies.csv", "directory.sqlite")],
    "reconciliation": ["reconcile/suggest/entity?prefix=zameen", "reconcile/draft/suggest/entity?prefix=zameen"],
}
# Addresses that name no company, and how many they count.
COUNTING = {
    "counts": ["companies/?count=exact&page_size=1", "companies/?count=exact&q=zameen", "stats/"],
    "digests": ["digest/", "digest/?kind=company"],
    "files": ["files/"],
    "sitemap": ["/sitemap.xml"],
}
# Addresses of one company: for who is hidden there is nothing, or the way to who took its place.
OWN = {
    "detail": ["companies/{}/", "companies/{}/?format=jsonld"],
    "history": ["companies/{}/history/"],
    "similar": ["companies/{}/similar/"],
    "page": ["/companies/{}/"],
    "badge": ["/embed/badge/{}.svg"],
}
# Public addresses that are of no company at all, or of a list that is asked for above; and those to which questions
# are sent, for which test_resolving.py and test_reconciling.py see to it.
OTHERS = """
    / /api/v1/ /api/v1/openapi.json /api/v1/suggestions/ /api/v1/suggestions/{token}/ /embed/oembed/
    /embed/directory-listings.js /embed/directory-listings-{number}.js
    /robots.txt /llms.txt /.well-known/api-catalog /.well-known/security.txt
    /docs/ /docs/{name} /problems/ /problems/{code}/ /livez /readyz /api/ /sitemap-{part}.xml
    /id/{key}/ /feed.{form} /views/{key}/feed.{form} /api/v1/views/ /api/v1/views/{key}/
    /partner/ /partner/{partner_id}/ /partner/{partner_id}/keys/ /partner/{partner_id}/keys/{name}/revoke/
    /partner/{partner_id}/views/ /partner/{partner_id}/views/{pk}/
    /partner/{partner_id}/webhooks/ /partner/{partner_id}/webhooks/{pk}/
"""
ASKED = {
    "/api/v1/resolve/",
    *(
        f"/api/v1/reconcile/{version}{rest}"
        for version in ("", "draft/")
        for rest in ("", "preview", "suggest/{what}", "flyout", "properties", "match", "extend", "extend/propose")
    ),
}
SMALL = [
    f"/api/v1/{collection}/{rest}"
    for collection in set(VIEWSETS) - {"companies"}
    for rest in ("", "{key}/", "{key}/history/")
]


@pytest.fixture(scope="module", autouse=True)
def rows(shared_rows: None) -> dict[str, Company]:
    """A company that is public, and one of each state that is not, alike in all but the facts that are marked."""
    games = make.make_specialty("Games")
    make.make_company(
        PUBLIC, summary="Shown", website="https://zameen.example/", founded_year=2010, specialties=[games]
    )
    found = {state: hidden(state, games) for state in STATES}
    make_night(NIGHT)
    return found


def hidden(state: str, games: Any) -> Company:
    status = {"draft": "draft", "in-review": "in_review", "never-seen": "withdrawn"}.get(state, "published")
    # A merge makes the name an alias of the other: there, the rest alone has to vanish.
    name = "Zameen" if state == "merged" else f"Zameen {MARK} {state}"
    company = make.make_company(
        name,
        slug=f"zameen-{state}",
        website=f"https://{MARK}-{state}.example/",
        summary=MARK,
        description=MARK,
        founded_year=2011,
        specialties=[games],
        status=status,
    )
    if state != "merged":
        make.make_source(company, reference=f"https://{MARK}.example/{state}")
    if state == "withdrawn":
        edit(company, {}, source=Source.ADMIN, status="withdrawn")
    if state == "merged":
        keep = Company.objects.get(name=PUBLIC)
        merge_companies(keep=keep, drop=company, choices={"description": "keep"}, by=None)
    if state == "deleted":
        with publication(source=Source.ADMIN):
            Company.objects.get(pk=company.pk).delete()
    return company


def text(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return str(body.decode(errors="replace")) + str(response.headers)


def full(address: str) -> str:
    if "PART" in address:  # which is that of the public one's number, whatever was numbered before
        address = address.replace("PART", str(Company.objects.get(name=PUBLIC).pk // PART))
    return address if address.startswith("/") else f"/api/v1/{address}"


@pytest.mark.parametrize("address", [address for group in SHARED.values() for address in group])
def test_no_surface_shows_it(api: Client, address: str) -> None:
    response = api.get(full(address), follow=True)
    assert response.status_code == 200
    shown = text(response)
    assert not [word for word in (MARK, *(f"zameen-{state}" for state in STATES)) if word in shown]
    if not address.endswith("/similar/"):  # there is nobody else
        assert "zameen-software" in shown.lower() or PUBLIC in shown


def test_nor_does_the_file_that_is_compressed() -> None:
    """Whose text nobody finds by looking for it."""
    path = settings.FILES_DIR / f"{NIGHT:%Y%m%dT%H%M%SZ}" / "companies.parquet"
    [(name, *rest)] = duckdb.execute("SELECT name, * FROM read_parquet(?)", [str(path)]).fetchall()
    assert name == PUBLIC
    assert MARK not in str(rest)


@pytest.mark.parametrize("address", [address for group in COUNTING.values() for address in group])
def test_nobody_counts_it(api: Client, address: str) -> None:
    response = api.get(full(address))
    assert response.status_code == 200
    assert MARK not in text(response)
    if "count=exact" in address:
        assert response.json()["count"] == 1
    if address == "stats/":
        assert response.json()["count"] == 1


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("address", [address for group in OWN.values() for address in group])
def test_its_own_addresses_show_nothing_of_it(
    api: Client, rows: dict[str, Company], address: str, state: str
) -> None:
    company = rows[state]
    for key in (company.slug, company.public_id):
        url = full(address.format(key))
        response = api.get(url)
        assert response.status_code == (
            308 if state == "merged" else 410 if state in ("withdrawn", "deleted") else 404
        )
        assert MARK not in text(response)
    assert api.get(full(address.format("zameen-software"))).status_code == 200


@pytest.mark.parametrize("user", ["nobody", "staff"])
def test_the_admin_looks_nothing_up_for_who_may_not_see_it(user: str) -> None:
    client = Client() if user == "nobody" else signed_in(make.make_curator("bilal", is_superuser=False))
    for field, model in (("company", "office"), ("company", "source")):
        lookup = {"app_label": "companies", "model_name": model, "field_name": field, "term": "zameen"}
        response = client.get("/admin/autocomplete/", lookup)
        assert response.status_code in (302, 403)
        assert MARK not in text(response)
    response = client.get("/admin/companies/company/alike/", {"name": f"Zameen {MARK}"})
    assert response.status_code in (302, 403)


def test_every_public_address_is_among_them() -> None:
    """A new one is thought of here, or this fails."""
    asked = [address for group in (SHARED, COUNTING, OWN) for addresses in group.values() for address in addresses]
    known = {full(address).partition("?")[0] for address in asked}
    known = {re.sub(r"zameen-software|\{\}", "{key}", path) for path in known}
    known = {re.sub("/files/latest/.+", "/files/{night}/{name}", path) for path in known}
    known |= {
        *SMALL,
        *ASKED,
        *OTHERS.split(),
    }
    existing = set(routes(get_resolver().url_patterns))
    assert {path for path in existing if not path.startswith(("/admin/", "/account/"))} - known == set()
