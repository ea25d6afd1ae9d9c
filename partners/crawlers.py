"""What machines look for when they come by themselves: a map of the pages, and where everything is."""

import datetime
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

import orjson
from django.conf import settings
from django.db.models import F, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from companies.models import Company
from directory.api.caching import remember
from directory.files import LATEST
from directory.models import kinds
from directory.nightly import manifests

PART = 50_000  # addresses that a sitemap may have (sitemaps.org)
XML, TEXT, MARKDOWN = "application/xml; charset=utf-8", "text/plain; charset=utf-8", "text/markdown; charset=utf-8"
CATALOG = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
# What is for pages of other sites: (path, media type, title).
OTHERS = [
    ("/embed/", "text/html", "Companies, to frame; /embed/badge/{slug}.svg says that one is listed"),
    ("/embed/directory-listings.js", "text/javascript", "The element <directory-listings>"),
    (f"/embed/oembed/?url={settings.SITE_URL}/embed/", "application/json", "oEmbed"),
    ("/feed.atom", "application/atom+xml", "News as Atom"),
    ("/feed.json", "application/feed+json", "News as JSON Feed"),
]
SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
VALID = datetime.timedelta(days=180)  # until when whom to tell of a weakness may be relied upon


def published() -> QuerySet[Company]:
    return Company.objects.published()


@require_safe
@remember
def sitemaps(request: HttpRequest) -> HttpResponse:
    """The parts of the sitemap, each with the day of the last public change in it."""
    parts = published().order_by().annotate(part=F("pk") / PART).values("part").annotate(changed=Max("updated_at"))
    found = ((f"/sitemap-{row['part']}.xml", row["changed"]) for row in parts.order_by("part"))
    return mapped(request, "sitemapindex", "sitemap", found)


@require_safe
@remember
def sitemap(request: HttpRequest, part: int) -> HttpResponse:
    """The pages of the companies of one part, each with the moment of its last public change."""
    rows = published().filter(pk__gte=part * PART, pk__lt=(part + 1) * PART).order_by("pk")
    found = [(f"/companies/{slug}/", changed) for slug, changed in rows.values_list("slug", "updated_at")]
    if not found:
        raise Http404
    return mapped(request, "urlset", "url", found)


def mapped(request: HttpRequest, root: str, entry: str, found: Iterable[tuple[str, Any]]) -> HttpResponse:
    lines = [
        f"<{entry}><loc>{escape(settings.SITE_URL + path)}</loc><lastmod>{changed.isoformat()}</lastmod></{entry}>"
        for path, changed in found
    ]
    text = "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{SITEMAPS}">', *lines, f"</{root}>\n"]
    )
    response = HttpResponse(text, content_type=XML)
    response.revision = request.revision  # type: ignore[attr-defined]
    return response


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    closed = "".join(f"Disallow: {path}\n" for path in ("/admin/", "/account/", "/partner/"))
    return HttpResponse(f"User-agent: *\n{closed}\nSitemap: {settings.SITE_URL}/sitemap.xml\n", content_type=TEXT)


@require_safe
def catalog(request: HttpRequest) -> HttpResponse:
    """Which APIs there are (RFC 9727), as links (RFC 9264)."""
    site = settings.SITE_URL
    own, api = f"{site}/.well-known/api-catalog", f"{site}/api/v1/"
    about = {
        "anchor": api,
        "service-desc": [{"href": f"{api}openapi.json", "type": "application/json"}],
        "service-doc": [
            {"href": f"{site}/docs/", "type": "text/html"},
            *({"href": f"{site}/docs/{name}.md", "type": "text/plain"} for name in ("api", "partners")),
        ],
        "status": [{"href": f"{site}/readyz", "type": "text/plain"}],
        "license": [{"href": settings.LICENSE["url"]}],
    }
    shown = [{"href": f"{site}{path}", "type": media_type, "title": title} for path, media_type, title in OTHERS]
    body = {"linkset": [{"anchor": own, "item": [{"href": api}, *shown]}, about, *nightly_files()]}
    response = HttpResponse(orjson.dumps(body, option=orjson.OPT_INDENT_2), content_type=CATALOG)
    response["Link"] = f'<{own}>; rel="api-catalog"'
    response["Access-Control-Allow-Origin"] = "*"
    return response


def nightly_files() -> list[dict[str, Any]]:
    """Links to the nightly files, if there are any, at the addresses that always lead to the newest."""
    newest = next(manifests(), None)
    if newest is None:
        return []
    folder = f"{settings.SITE_URL}/files/{LATEST}/"
    # A link's type has no parameters (RFC 8288, 3.4.1).
    links = [
        {"href": f"{folder}{file['name']}", "type": file["media_type"].partition(";")[0], "title": file["name"]}
        for file in newest["files"]
    ]
    return [{"anchor": f"{settings.SITE_URL}/api/v1/files/", "item": links}]


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Whom to tell of a weakness (RFC 9116), where that is set."""
    if not settings.SECURITY_CONTACT:
        raise Http404
    expires = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + VALID
    lines = [
        f"Contact: {settings.SECURITY_CONTACT}",
        f"Expires: {expires.strftime('%Y-%m-%dT%H:%M:%SZ')}",
        "Preferred-Languages: en",
        f"Canonical: {settings.SITE_URL}/.well-known/security.txt",
    ]
    return HttpResponse("\n".join([*lines, ""]), content_type=TEXT)


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """What there is, for language models that look for it (llmstxt.org)."""
    collections = [(model.collection, (model.__doc__ or "").strip()) for model in kinds().values()]
    context = {"site": settings.SITE_URL, "collections": collections, "license": settings.LICENSE}
    return render(request, "crawlers/llms.txt", context, content_type=MARKDOWN)
